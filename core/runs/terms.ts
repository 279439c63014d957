export type Mode = "READ_ONLY" | "PERMISSION" | "BYPASS";
export type Risk = "low" | "medium" | "high";

/** Where and what is wrong. The message names fields and limits, not contents. */
export interface Fault {
  pointer: string;
  message: string;
}
