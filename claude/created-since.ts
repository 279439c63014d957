/** As wrong as a clock may be, by a whole time zone too. */
const clocksApartMs = 24 * 3_600_000;

/**
 * From when on to look at the provider for something whose creation was intended at a moment of our clock: the provider
 * dates by its own, and what is not found is created, so that a window too narrow makes a second one.
 */
export function createdSince(intendedAt: Date): string {
  return new Date(intendedAt.getTime() - clocksApartMs).toISOString();
}
