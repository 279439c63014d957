import { setTimeout as sleep } from "node:timers/promises";
import type { Supervisor } from "../../stack/supervisor.ts";
import type { Person } from "../api.ts";

export interface Killed {
  /** Steps that were recorded when the worker was killed. */
  steps: number;
  /** Seconds until the supervisor had it running again. */
  againAfter: number;
  /** Seconds from there until the run had got further. */
  progressAfter: number;
}

interface Step {
  tool: string | null;
  status: string;
}

const limitMs = 60_000;

/**
 * Kills the worker with SIGKILL once so many steps are recorded, and waits until its supervisor has started it again and
 * the run goes on. Not while a command runs: of a command nobody can know how far it came, so it is never repeated, and
 * the run has to plan anew.
 * @returns undefined when the run ended before
 */
export async function killWorker(
  supervisor: Supervisor,
  person: Person,
  runId: string,
  afterSteps: number,
  say: (line: string) => void,
): Promise<Killed | undefined> {
  const steps = () => recorded(person, runId);
  const before = await until(async () => {
    const now = await steps();
    if (now.over) return now;
    return now.count >= afterSteps && !now.commandRuns ? now : undefined;
  }, `${afterSteps} steps are recorded`);
  if (before.over) return undefined;
  const worker = supervisor.state("worker");
  if (worker?.status !== "running" || worker.pid === undefined) throw new Error("there is no worker to kill");
  const killed = performance.now();
  process.kill(worker.pid, "SIGKILL");
  say(
    `SIGKILL to the worker (process ${worker.pid}) after ${before.count} recorded steps. Nothing works on the run now.`,
  );
  await until(async () => {
    const state = supervisor.state("worker");
    return state?.status === "running" && state.restarts > worker.restarts ? state : undefined;
  }, "the worker runs again");
  const again = performance.now();
  say(`The supervisor has started it again after ${seconds(again - killed)} s. The run goes on where it was.`);
  await until(async () => {
    const now = await steps();
    return now.over || now.count > before.count ? now : undefined;
  }, "the run goes on");
  return {
    steps: before.count,
    againAfter: seconds(again - killed),
    progressAfter: seconds(performance.now() - again),
  };
}

async function recorded(
  person: Person,
  runId: string,
): Promise<{ count: number; over: boolean; commandRuns: boolean }> {
  const run = await person.get<{
    completed_at: string | null;
    children: { id: string; completed_at: string | null }[];
  }>(`/runs/${runId}`);
  const { data } = await person.get<{ data: { type: string }[] }>(`/runs/${runId}/events?limit=1000`);
  const open = run.children.filter(({ completed_at }) => completed_at === null);
  const details = await Promise.all(open.map(({ id }) => person.get<{ steps: Step[] }>(`/runs/${id}`)));
  return {
    count: data.filter(({ type }) => type === "run_step" || type === "model_answered").length,
    over: run.completed_at !== null,
    commandRuns: details.some(({ steps }) =>
      steps.some(({ tool, status }) => tool === "execute_command" && (status === "running" || status === "proposed")),
    ),
  };
}

async function until<Result>(probe: () => Promise<Result | undefined>, what: string): Promise<Result> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(40)) {
    const result = await probe();
    if (result !== undefined) return result;
  }
  throw new Error(`not within ${limitMs / 1000} s: ${what}`);
}

const seconds = (ms: number) => Math.round(ms / 10) / 100;
