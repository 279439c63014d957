import type { AuditFacts, Evidence, RunFacts } from "./evidence.ts";

/** One thing that must be so, whether it is, and what it was seen by. */
export interface Proof {
  holds: boolean;
  claim: string;
  seen: string;
}

const executed: ReadonlySet<string> = new Set(["success", "failed", "timeout"]);

/** That nothing happened twice and nothing was spent beyond its cap, from what is left of a run. Pure. */
export function proofsOf(evidence: Evidence): Proof[] {
  return [...callProofs(evidence), stepProof(evidence.runs), ...auditProofs(evidence), budgetProof(evidence.runs)];
}

function callProofs({ calls, runs }: Evidence): Proof[] {
  const answered = calls.filter((call) => call.answered);
  const twice = moreThanOnce(answered.map(({ digest }) => digest));
  const again = moreThanOnce(calls.map(({ digest }) => digest));
  const cutOff = calls.length - answered.length;
  const unknown = runs.flatMap(({ steps }) => steps).filter((step) => step.status === "unknown").length;
  const lost =
    twice.length === 0 ? "" : ": an answer that was lost on its way into the records, so the step is unknown";
  return [
    {
      claim: "no model call whose answer was recorded was made again",
      // What was sent in full the moment before a kill counts as answered there, and is unknown here.
      holds: twice.length <= Math.max(0, unknown - cutOff),
      seen: `${calls.length} requests reached the model, ${answered.length} were answered, ${twice.length} of those twice${lost}`,
    },
    {
      claim: "a call that was cut off is known as such, and made once more at most",
      holds:
        cutOff <= unknown &&
        again.length <= unknown &&
        calls.length - new Set(calls.map(({ digest }) => digest)).size <= again.length,
      seen: `${cutOff} cut off in the middle, ${again.length} made again, ${unknown} recorded as unknown`,
    },
  ];
}

/** Of a planned step, the tool ran once. */
function stepProof(runs: readonly RunFacts[]): Proof {
  const planned = runs.flatMap(({ id, steps }) =>
    steps
      .filter((step) => step.step_type === "tool_call" && step.plan_step !== null && executed.has(step.status))
      .map((step) => `${id}/${step.plan_step}`),
  );
  const twice = moreThanOnce(planned);
  return {
    claim: "each planned step was carried out once",
    holds: planned.length > 0 && twice.length === 0,
    seen: `${planned.length} tool calls of planned steps, ${twice.length} steps more than once`,
  };
}

function auditProofs({ runs, audit, intact, entries }: Evidence): Proof[] {
  const of = (operation: string) => audit.filter((entry) => entry.operation === operation);
  const ran = runs.flatMap(({ id, steps }) =>
    steps
      .filter((step) => step.step_type === "tool_call" && step.child_run_id === null && executed.has(step.status))
      .map((step) => `${id}/${step.step_id}`),
  );
  const once = sameOnce(ran, idsOf(of("run.step")));
  const ids = runs.map(({ id }) => id);
  const ends = [...of("run.completed"), ...of("run.failed")];
  return [
    {
      claim: "one audit entry for each tool call that ran",
      holds: once,
      seen: `${ran.length} calls, ${of("run.step").length} entries`,
    },
    {
      claim: "each run began once and ended once",
      holds: sameOnce(ids, idsOf(of("run.started"))) && sameOnce(ids, idsOf(ends)),
      seen: `${ids.length} runs, ${of("run.started").length} beginnings, ${ends.length} ends`,
    },
    { claim: "the audit chain is intact", holds: intact, seen: `${entries} entries verified` },
  ];
}

function budgetProof(runs: readonly RunFacts[]): Proof {
  const within = runs.every(
    ({ used, budget }) =>
      used.tokens <= (budget.tokens ?? Number.POSITIVE_INFINITY) &&
      used.cost_micros <= (budget.cost_usd ?? Number.POSITIVE_INFINITY) * 1_000_000 &&
      used.calls <= (budget.calls ?? Number.POSITIVE_INFINITY),
  );
  const [root] = runs;
  return {
    claim: "every run stayed within its budget",
    holds: within,
    seen: `${root?.used.tokens ?? 0} of ${root?.budget.tokens ?? "any"} tokens, ${root?.used.calls ?? 0} of ${root?.budget.calls ?? "any"} calls`,
  };
}

const idsOf = (entries: readonly AuditFacts[]): string[] => entries.map(({ body }) => body.id);

/** Both lists hold the same, and each of it once. */
function sameOnce(one: readonly string[], other: readonly string[]): boolean {
  return (
    one.length === other.length && new Set(one).size === one.length && new Set([...one, ...other]).size === one.length
  );
}

function moreThanOnce(list: readonly string[]): string[] {
  const seen = new Set<string>();
  const again = new Set<string>();
  for (const item of list) (seen.has(item) ? again : seen).add(item);
  return [...again];
}
