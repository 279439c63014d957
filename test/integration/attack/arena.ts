import type { Arena } from "../../../attack/arena.ts";
import { sharedStack } from "../../support/organisation.ts";

/** The shared stack, as what attacks are given: one API process, reached over many connections. */
export function sharedArena(): Arena {
  const stack = sharedStack();
  return { ...stack, apiUrls: [stack.apiUrl] };
}
