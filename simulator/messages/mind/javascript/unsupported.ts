/** Code that is beyond this reader, or that ran too long. Nothing can then be said about what it does. */
export class Unsupported extends Error {}
