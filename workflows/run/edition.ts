import { patched } from "@temporalio/workflow";
import { latestRunEdition } from "../../core/runs/edition.ts";

/** Changes of what the workflow of a run does, and the edition that has them first. */
const changes = { "short-work-in-task": 1, "short-work-in-turn": 1, "time-alerts": 1 } as const satisfies Record<
  string,
  number
>;

// Of this execution: each has modules of its own.
let edition = 0;

/**
 * To be called first.
 * @param given of the order that the workflow was started with; without one it began before there were editions
 * @throws Error fails the workflow task, and not the run: it is tried again until a worker has it that knows the edition
 */
export function beginEdition(given = 0): void {
  if (given > latestRunEdition)
    throw new Error(
      `this run is of edition ${given}, and this worker knows ${latestRunEdition}: a newer one is needed`,
    );
  edition = given;
}

/** What a run passes on to its subagents: they go by the same rules. */
export const ownEdition = (): number => edition;

/** Whether this run goes by a change. Before there were editions, each change left a marker in the histories of its runs. */
export function goesBy(change: keyof typeof changes): boolean {
  return edition >= changes[change] || (edition === 0 && changes[change] === 1 && patched(change));
}

/** Whether only what Temporal's own list does not say is listed (ADR 9, ADR 18): since editions. */
export const listsLess = (): boolean => edition >= 1;
