import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { runToolOperations } from "../../contracts/run-tools.ts";
import type { runView } from "../../contracts/runs.ts";
import { readRun } from "./runs.ts";
import type { RunToolFunction } from "./tool-call.ts";

type Run = z.output<typeof runView>;

/** Pauses between looks, milliseconds: a short run is answered soon, a long one is not asked about all the time. */
const firstPause = 200;
const longestPause = 2_000;

/** Looks at a run, with one token, until there is something to say about it, or the time is over. */
export const waitRun: RunToolFunction<"wait_run"> = async (caller, { run_id, timeout_seconds }, signal) => {
  const client = await caller.delegate(runToolOperations.wait_run);
  const until = performance.now() + timeout_seconds * 1000;
  for (let pause = firstPause; ; pause = Math.min(pause * 1.5, longestPause)) {
    const { input: _input, plan: _plan, steps: _steps, children, ...run } = await readRun(client, run_id);
    const waiting = [run, ...children].filter(waitsForPerson).map(({ id, agent, status, waiting_for }) => ({
      run_id: id,
      agent,
      request_id: status === "paused" ? null : waiting_for,
    }));
    if (run.completed_at !== null) return { outcome: "ended", message: endedMessage(run), waiting: [], run };
    if (waiting.length > 0)
      return { outcome: "waiting_for_person", message: waiting.map(waitingMessage).join(" "), waiting, run };
    const left = until - performance.now();
    if (left <= 0 || signal.aborted)
      return {
        outcome: "still_running",
        message: `Run \`${run.id}\` is not done yet. Call wait_run again, or get_run to see its steps.`,
        waiting,
        run,
      };
    // Cut short, it is looked at once more.
    await sleep(Math.min(pause, left), undefined, { signal }).catch(() => undefined);
  }
};

/** A paused run waits too: nobody but a person lets it go on. */
function waitsForPerson({ status, waiting_for, completed_at }: Run): boolean {
  return completed_at === null && (status === "waiting" || status === "paused" || waiting_for !== null);
}

function endedMessage({ id, status, reason, error }: Run): string {
  if (status === "completed") return `Run \`${id}\` has completed; its answer is in \`run.output\`.`;
  const why = reason?.reason ?? error ?? "no reason given";
  return `Run \`${id}\` has ended without completing (${status}): ${why}`;
}

function waitingMessage({ run_id, agent, request_id }: { run_id: string; agent: string; request_id: string | null }) {
  return request_id === null
    ? `Run \`${run_id}\` (${agent}) is paused; a person lets it go on with \`powerloom runs resume ${run_id}\`.`
    : `Run \`${run_id}\` (${agent}) waits for approval of request \`${request_id}\`, which approvers see in the \`/approvals\` inbox. It goes on, or is told no, once they have decided.`;
}
