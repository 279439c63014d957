/** `npm test` leaves out what is a variant of what it has; `npm run test:long` (POWERLOOM_TEST_ALL=1) takes everything. */
export const everything = process.env["POWERLOOM_TEST_ALL"] !== undefined;

/** The name of such a variant, for `test.each`. */
export const variant = (name: string): string[] => (everything ? [name] : []);
