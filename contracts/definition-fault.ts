import { nearestName } from "../core/plan/nearest.ts";

/** Where in a definition, and what is wrong with it. */
export interface DefinitionFault {
  path: readonly (string | number)[];
  /** What is wrong, and what would be valid. */
  message: string;
  /** The fault is the key itself, not its value. */
  atKey?: boolean;
  /** Characters into the value, when it is one word or line. */
  offset?: number;
}

/** `; did you mean …?`, when a word is near enough to a known one; else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const nearest = nearestName(word, known);
  return nearest === null ? "" : `; did you mean \`${nearest}\`?`;
}
