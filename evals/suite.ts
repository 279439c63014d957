import { decisionFaults } from "./checker/decisions.ts";
import { traceFaults } from "./checker/trace.ts";
import type { Evidence } from "./evidence.ts";
import { type Measured, measure } from "./metrics.ts";
import type { Mind } from "./minds.ts";
import { type Played, play, type Scene } from "./play.ts";
import type { Broken, Task } from "./task.ts";

/** A grader that said no, or the checker. */
interface Failure {
  grader: string;
  reason: string;
}

export type Outcome =
  | { status: "passed" | "failed"; task: Task; failures: Failure[]; measured: Measured }
  | { status: "skipped"; task: Task; reason: string };

export type BrokenOutcome = {
  task: Task;
  broken: Broken;
  /** Rejected by the grader that is there for it, or not playable here; anything else is a fault of the suite. */
  status: "rejected" | "skipped" | "wrong";
  failures: Failure[];
};

const timeoutSeconds = { scripted: 90, live: 900 };

/** Judges evidence: first whether the records are whole, then whether the task was done. */
function judge(task: Task, evidence: Evidence, scripted: boolean): Failure[] {
  const records = [
    ...traceFaults(evidence).map((reason) => ({ grader: "trace", reason })),
    ...decisionFaults(evidence).map((reason) => ({ grader: "decisions", reason })),
  ];
  const graded = task.graders
    .filter(({ scriptedOnly }) => scripted || scriptedOnly !== true)
    .flatMap(({ name, grade }) => {
      const result = grade(evidence);
      return result.status === "passed" ? [] : [{ grader: name, reason: result.reason }];
    });
  return [...records, ...graded];
}

/** Plays a task and judges it. What cannot be played here is skipped, with the reason; what breaks is a failure. */
export async function runTask(scene: Scene, task: Task): Promise<Outcome> {
  const played = await attempt(scene, task, task.mind);
  if (played.status === "skipped") return { status: "skipped", task, reason: played.reason };
  if (played.status === "broke")
    return { status: "failed", task, failures: [{ grader: "run", reason: played.reason }], measured: measure([], 0) };
  const failures = judge(task, played.evidence, scene.arm !== null);
  const measured = measure(played.evidence.runs, played.seconds);
  return { status: failures.length === 0 ? "passed" : "failed", task, failures, measured };
}

/** Plays a mind that is broken on purpose. Its records must be whole all the same. */
export async function runBroken(scene: Scene, task: Task, broken: Broken): Promise<BrokenOutcome> {
  const played = await attempt(scene, task, broken.mind);
  if (played.status !== "played")
    return {
      task,
      broken,
      status: played.status === "skipped" ? "skipped" : "wrong",
      failures: [{ grader: "run", reason: played.reason }],
    };
  const failures = judge(task, played.evidence, true);
  const records = failures.some(({ grader }) => grader === "trace" || grader === "decisions");
  const rejected = failures.some(({ grader }) => grader === broken.rejectedBy);
  return { task, broken, status: rejected && !records ? "rejected" : "wrong", failures };
}

async function attempt(scene: Scene, task: Task, mind: Mind): Promise<Played | { status: "broke"; reason: string }> {
  const seconds = scene.arm === null ? timeoutSeconds.live : timeoutSeconds.scripted;
  return play(scene, task, mind, seconds).catch((error: unknown) => ({
    status: "broke" as const,
    reason: error instanceof Error ? error.message : String(error),
  }));
}

/** Works through items, so many at once; outcomes are in the order of the items. */
export async function inLanes<Item, Result>(
  items: readonly Item[],
  lanes: number,
  body: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await body(items[index] as Item);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
