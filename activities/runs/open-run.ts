import { worstRates } from "../../claude/prices.ts";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { decide } from "../../core/authority/decide.ts";
import { digestOf } from "../../core/canonical.ts";
import type { RunRef } from "../../core/ids.ts";
import type { OpenedRun, PlannedStep, RunCaps } from "../../core/runs/facts.ts";
import type { Fault, Mode } from "../../core/runs/terms.ts";
import type { Tx } from "../../db/database.ts";
import { gatherEvidence } from "../../db/queries/authority.ts";
import { announceRun } from "../../db/queries/changes.ts";
import { appendRunEvents, type RunBudget, type RunRow, requireRun, say } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { checkSchema } from "../../tools/validate.ts";
import { definitionOf } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { readMode } from "./evidence.ts";
import { maxStepsOf } from "./final-answer.ts";
import { grantLease } from "./leases.ts";
import { askServers, type ServerOffer } from "./list-server-tools.ts";
import { allowedTools, offeredTools } from "./offered-tools.ts";
import { holdBudget } from "./ou-budgets.ts";
import { askOwnHooks, passed, viewOf } from "./own-hooks.ts";
import { auditRun, summaryOf, tellWatchers } from "./record.ts";
import { buildRequest, promptBound } from "./request.ts";
import { auditRefusals, offerEvents, storeOffers } from "./store-offers.ts";
import { toolsOf } from "./tools-of-run.ts";
import { prepareWorkspace } from "./workspaces.ts";

/** The thread of a run that holds its whole conversation; planned steps have threads of their own. */
export const mainThread = "main";

/**
 * `on_task_received`: checks the person's rights, binds the model, grants the leases, holds the budget at every OU above,
 * lays out the workspace and says that the run has started. Repeated, it answers the same.
 */
export async function openRun(deps: RunDeps, ref: RunRef & { caps?: RunCaps }): Promise<OpenedRun> {
  // Before the transaction: it asks servers. A subagent (it has a slice of its parent's budget) has the tools of its tree.
  const offers = ref.caps === undefined ? await askServers(deps, ref) : [];
  await auditRefusals(deps, ref, offers);
  const { run, definition, opened } = await deps.db.inOrganisation(ref.organisationId, async (tx) => {
    const run = await requireRun(tx, ref.runId, "lock");
    const definition = await definitionOf(tx, run);
    return { run, definition, opened: await openIn(deps, tx, run, definition, { offers, caps: ref.caps }) };
  });
  if (opened.kind === "open") {
    opened.own = await askOwnHooks(deps, definition, "on_task_received", {
      run: viewOf(run, definition, opened.mode),
      budget: [],
      input: opened.input,
      lease: { ok: true },
      content: run.input,
    });
    await prepareWorkspace(deps, ref.organisationId, run);
    tellWatchers(deps, run);
  }
  return opened;
}

async function openIn(
  deps: RunDeps,
  tx: Tx,
  run: RunRow,
  definition: AgentDefinition,
  { offers, caps }: { offers: readonly ServerOffer[]; caps: RunCaps | undefined },
): Promise<OpenedRun> {
  if (run.completed_at !== null)
    return { kind: "closed", status: "cancelled", rule: "run-over", reason: "the run has ended already" };
  const now = deps.now();
  const at = { path: run.ou_path, ancestors: run.ou_ancestors };
  const [evidence, { mode }] = await Promise.all([
    gatherEvidence(tx, run.requester_id, "run:create", at, now),
    readMode(tx),
  ]);
  const rights = decide(evidence);
  if (rights.effect === "deny")
    return {
      kind: "closed",
      status: "failed",
      rule: rights.rule,
      reason: "the person this run acts for may not run agents there (any more)",
    };
  const isNew = run.status === "received";
  if (isNew) {
    if (caps !== undefined) run.budget = narrowBudget(tx, run, caps);
    const held = run.parent_run_id === null ? await holdBudget(tx, run) : undefined;
    if (held !== undefined) return { kind: "closed", status: "failed", rule: "ou-budget", reason: held };
    storeOffers(tx, run, offers);
  }
  // Before the run has started: what this transaction has not committed yet is not to be remembered.
  const tools = allowedTools(definition, await toolsOf(tx, deps, run));
  if (isNew) start(deps, tx, run, { definition, rule: rights.rule, offers, mode, tools }, now);
  return factsOf(tx, run, definition, mode, tools);
}

/** Grants the leases and says that the run has started. Sent without waiting. */
function start(
  deps: RunDeps,
  tx: Tx,
  run: RunRow,
  as: {
    definition: AgentDefinition;
    rule: string;
    offers: readonly ServerOffer[];
    mode: Mode;
    tools: readonly ToolSpec[];
  },
  now: Date,
): void {
  const { definition, rule, offers, mode, tools } = as;
  for (const tool of tools)
    grantLease(
      tx,
      { id: deps.newId(), runId: run.id, tool: tool.name, risk: tool.risk, mode, grantedBy: "run_started" },
      now,
      definition.leases,
    );
  tx.send("update agent_runs set status = 'running', started_at = $2 where id = $1", [run.id, now]);
  announceRun(tx, run.id);
  run.started_at = now;
  say(tx, run.id, {
    thread: mainThread,
    origin: "input",
    role: "user",
    content: [{ type: "text", text: `<input>${JSON.stringify(run.input)}</input>` }],
  });
  appendRunEvents(tx, run, [
    {
      origin: "started",
      type: "run_started",
      payload: {
        agent: run.agent_id,
        role: run.role_id,
        model: run.model_id,
        parent_run_id: run.parent_run_id,
        definition: `${run.agent_id}@${run.definition_version}`,
        mode,
        budget: run.budget,
        task: run.input_summary,
      },
    },
    ...offerEvents(offers),
  ]);
  auditRun(tx, run, {
    id: run.id,
    operation: "run.started",
    outcome: "applied",
    digest: run.definition_digest,
    rule,
    detail: { model: run.model_id, mode, definition_version: run.definition_version, budget: run.budget },
  });
}

async function factsOf(
  tx: Tx,
  run: RunRow,
  definition: AgentDefinition,
  mode: Mode,
  tools: readonly ToolSpec[],
): Promise<OpenedRun> {
  const { plan, faults } = await planToRun(tx, run, definition);
  const request = buildRequest(run, definition, offeredTools(tools, new Set(), null), [], {
    maxOutputTokens: definition.max_output_tokens,
    finalOnly: false,
  });
  const { hook_strictness: strictness, constraints } = definition;
  const parallel = constraints.find((one) => one.type === "max_parallel");
  return {
    kind: "open",
    agent: run.agent_id,
    role: run.role_id,
    model: run.model_id,
    ou: run.ou_path,
    label: `${run.agent_id} run in ${run.ou_path}`,
    caps: capsOf(run),
    ...(strictness.budget_enforcement === "soft" && run.parent_run_id === null ? { mayAskForBudget: true } : {}),
    rates: worstRates(run.model_id),
    maxSteps: maxStepsOf(definition),
    maxParallel: parallel?.type === "max_parallel" ? parallel.value : 4,
    maxOutputTokens: definition.max_output_tokens,
    loopLimit: Number(strictness.loop_detection.replace("circuit_breaker_", "")),
    mode,
    repair: strictness.schema_validation === "repair",
    hooksEnabled: definition.hooks_enabled,
    grant: { tools: definition.tools, delegates: definition.delegates, constraints },
    input: {
      bytes: Buffer.byteLength(JSON.stringify(run.input)),
      digest: digestOf(run.input),
      faults: [...checkSchema(definition.input_schema, run.input), ...faults],
      repaired: false,
    },
    own: passed,
    canReplan: plan !== null && run.pinned["planner"] !== undefined,
    plan,
    promptTokens: promptBound(request) + Buffer.byteLength(JSON.stringify(run.input)),
  };
}

/** An executor is given a planner's run: the plan it made, in the same tree. */
async function planToRun(
  tx: Tx,
  run: RunRow,
  definition: AgentDefinition,
): Promise<{ plan: PlannedStep[] | null; faults: Fault[] }> {
  if (definition.role !== "executor") return { plan: null, faults: [] };
  const from = await findPlan(tx, run);
  if (from === undefined)
    return {
      plan: null,
      faults: [{ pointer: "/plan", message: "must be the run id of a planner of the same task that has completed" }],
    };
  return {
    plan: from.steps.map(({ step, tool, depends_on }) => ({ step, tool, dependsOn: depends_on })),
    faults: [],
  };
}

export interface StoredPlan {
  steps: {
    step: number;
    description: string;
    tool: string;
    args: Record<string, unknown>;
    expected_output: string;
    expect?: { exit_code?: number; contains?: string; not_contains?: string };
    depends_on: number[];
  }[];
}

/** The plan an executor works on. Only one of its own tree: a run id is not a right to read somebody else's plan. */
export async function findPlan(tx: Pick<Tx, "maybe">, run: RunRow): Promise<StoredPlan | undefined> {
  // Planned anew in the middle: its own plan has taken the place of the one it was given.
  if (run.plan !== null) return run.plan as unknown as StoredPlan;
  const id = run.input["plan"];
  if (typeof id !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return undefined;
  const planner = await tx.maybe<{ plan: StoredPlan }>(
    "select plan from agent_runs where id = $1 and root_run_id = $2 and plan is not null and status = 'completed'",
    [id, run.root_run_id],
  );
  return planner?.plan;
}

/** A subagent's budget is the slice its parent has drawn for it. */
function narrowBudget(tx: Tx, run: RunRow, caps: RunCaps): RunBudget {
  const budget: RunBudget = {
    ...run.budget,
    ...(caps.tokens === undefined ? {} : { tokens: caps.tokens }),
    ...(caps.costMicros === undefined ? {} : { cost_micros: caps.costMicros }),
    ...(caps.calls === undefined ? {} : { calls: caps.calls }),
  };
  tx.send("update agent_runs set budget = $2 where id = $1", [run.id, JSON.stringify(budget)]);
  return budget;
}

function capsOf(run: RunRow): RunCaps {
  const { tokens, cost_micros, calls, wall_seconds } = run.budget;
  const since = (run.started_at ?? run.created_at).getTime();
  return {
    ...(tokens === undefined ? {} : { tokens }),
    ...(cost_micros === undefined ? {} : { costMicros: cost_micros }),
    ...(calls === undefined ? {} : { calls }),
    ...(wall_seconds === undefined ? {} : { deadline: since + wall_seconds * 1000 }),
  };
}

/**
 * What the thread of a planned step begins with: the step, and what the steps it depends on have brought.
 * @returns the tool it is planned to use
 */
export async function openPlanThread(tx: Tx, run: RunRow, planStep: number, thread: string): Promise<string> {
  const plan = await findPlan(tx, run);
  const step = plan?.steps.find((one) => one.step === planStep);
  if (step === undefined) throw new Error(`run ${run.id} has no planned step ${planStep}`);
  const before = await tx.rows<{ plan_step: number; result: string | null }>(
    `select distinct on (plan_step) plan_step, result from agent_steps
      where run_id = $1 and plan_step = any ($2) and step_type = 'tool_call' and status = 'success'
      order by plan_step, completed_at desc`,
    [run.id, step.depends_on],
  );
  const results = Object.fromEntries(
    before.map(({ plan_step, result }) => [plan_step, summaryOf(result ?? "", 20_000)]),
  );
  const text = `<input>${JSON.stringify({ step, plan: run.input["plan"], results })}</input>`;
  say(tx, run.id, { thread, origin: "input", role: "user", content: [{ type: "text", text }] });
  return step.tool;
}
