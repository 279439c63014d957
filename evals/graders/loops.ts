import { eventsOf, toolCalls } from "../evidence.ts";
import { type Grader, rejectFor } from "../task.ts";

/** However it goes: not more tool calls than this. */
export function callsAtMost(most: number): Grader {
  return {
    name: "calls at most",
    grade: (evidence) => {
      const made = toolCalls(evidence).length;
      return rejectFor(made <= most ? [] : [`${made} tool calls were made; at most ${most} were to be`]);
    },
  };
}

type Level = "warn" | "replan" | "pause" | "stop";

/** The loop is noticed by so many tool calls, and rises through these levels and no further. */
export function loopRises(by: number, ...levels: Level[]): Grader {
  return {
    name: "loop noticed",
    scriptedOnly: true,
    grade: (evidence) => {
      const events = eventsOf(evidence);
      const seen = events.filter(({ type }) => type === "loop_detected");
      const [first] = seen;
      if (first === undefined) return rejectFor(["no loop was noticed"]);
      const before = events.filter(({ type, at }) => type === "run_step" && at < first.at).length;
      const taken = seen.map(({ payload }) => String(payload["level"]));
      return rejectFor([
        ...(before <= by ? [] : [`it was noticed after ${before} calls, not by ${by}`]),
        ...(taken.join() === levels.join() ? [] : [`it rose through ${taken.join(", ")}, not ${levels.join(", ")}`]),
      ]);
    },
  };
}

/** Work that looks repetitive and is not: no false alarm. */
export const noLoop: Grader = {
  name: "no false alarm",
  grade: (evidence) =>
    rejectFor(
      eventsOf(evidence)
        .filter(({ type }) => type === "loop_detected")
        .map(({ payload }) => `a loop was seen: ${String(payload["reason"])}`),
    ),
};
