/** How long a sign-in of a browser holds at most, and how long without a request. Seconds. */
export const consoleSessionSeconds = 12 * 3600;
const consoleIdleSeconds = 2 * 3600;
/** How long it is remembered after the latest moment at which it could have been good. Seconds. */
export const consoleKeptSeconds = 7 * 86_400;
/** How exactly it is known when a browser was last heard of. Seconds. */
const consoleSeenSeconds = 60;

export interface ConsoleSession {
  method: "dev" | "oidc";
  last_seen_at: Date;
  expires_at: Date;
  ended_at: Date | null;
}

/** Why a sign-in of a browser holds no longer, or undefined while it does. */
export function whyOver(session: ConsoleSession, mode: "dev" | "production", now: Date): string | undefined {
  if (session.ended_at !== null) return "it was ended";
  if (now >= session.expires_at) return "it has expired";
  if (now.getTime() - session.last_seen_at.getTime() >= consoleIdleSeconds * 1000)
    return "it was not used for too long";
  // As tokens of dev login: nothing that was given without proof outlives dev mode.
  if (session.method === "dev" && mode !== "dev") return "it is of dev login, and this is not dev mode";
  return undefined;
}

/** Whether it is time to write down that the browser was heard of. */
export function seenLongAgo(session: ConsoleSession, now: Date): boolean {
  return now.getTime() - session.last_seen_at.getTime() >= consoleSeenSeconds * 1000;
}
