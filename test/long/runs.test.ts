import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "@temporalio/worker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workflowIds } from "../../core/ids.ts";
import { connectTemporal } from "../../temporal/connect.ts";
import { workflowBundle } from "../../temporal/workflow-bundle.ts";
import { sandboxAvailability } from "../../tools/sandbox/availability.ts";
import { openStage, type Stage, stopwatch } from "../durability/stage.ts";
import { type Dice, diceOf } from "../integration/conversations/pools.ts";
import { mindCalls } from "../simulator/minds.ts";
import { eventually, makeOrganisation, type TestOrganisation, testSeed } from "../support/organisation.ts";
import { armMind, planOf, type Said, type Script } from "../support/runs.ts";

const runs = 20;
const kills = 5;
const sampleMs = 200;
const dice = diceOf(testSeed());
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const upTo = (most: number) => Array.from({ length: most }, (_, index) => index + 1);
const pace = (from: Dice, said: Said): Said => ({ ...said, delay_ms: from.pick([0, 50, 200, 500]) });

/** An orchestrator that has something planned, carried out and looked at; each command leaves a line of its own behind. */
function mindOf(index: number, withCommands: boolean): Record<string, Script> {
  const delegate = (agent: string, input: Record<string, unknown>) =>
    pace(dice, { tool_uses: [{ name: "delegate", input: { agent, input } }] });
  const steps = upTo(dice.pick([3, 4, 5, 6, 7, 8])).map((step) => {
    const depends_on = step > 1 && dice.pick([true, false]) ? [dice.pick(upTo(step - 1))] : [];
    const command = { command: `echo mark-${index}-${step} >> marks.txt; sleep 0.${dice.pick([1, 3, 5])}` };
    return withCommands && dice.pick([true, false])
      ? { step, tool: "execute_command", args: command, expect: { exit_code: 0 }, depends_on }
      : { step, tool: "read_file", args: { path: dice.pick(["a.txt", "b.txt"]), offset: step }, depends_on };
  });
  const { plan, executor } = planOf(steps);
  const rules = "rules" in executor ? executor.rules : [];
  const look = (path: string) => pace(dice, { tool_uses: [{ name: "read_file", input: { path } }] });
  return {
    orchestrator: {
      turns: [
        delegate("planner", { task: "{{input.task}}" }),
        delegate("executor", { plan: "{{last.run_id}}" }),
        delegate("reviewer", { file_paths: ["a.txt"], criteria: ["correctness"] }),
        { output: { result: "all was tried", status: "done" } },
      ],
    },
    planner: { turns: [look("a.txt"), look("b.txt"), pace(dice, { output: plan })] },
    executor: { rules: rules.map((rule) => ({ ...rule, reply: pace(dice, rule.reply) })) },
    reviewer: {
      turns: [look("a.txt"), pace(dice, { output: { findings: [], summary: "nothing to say", verdict: "pass" } })],
    },
  };
}

/** Runs that act without asking: nobody could answer so many requests in the middle of kills. */
async function actWithoutAsking(organisation: TestOrganisation): Promise<void> {
  const { admin, root } = organisation;
  const approver = await organisation.person("approver", { roles: [{ role: "Approver", ou: root }] });
  const asked = await admin.send("POST", "/governance/mode", {
    mode: "BYPASS",
    duration_seconds: 3_600,
    reason: "A test of what kills do",
  });
  expect(asked.status).toBe(202);
  const { digest } = await approver.get<{ digest: string }>(`/approvals/${String(asked.body["id"])}`);
  await approver.make(`/approvals/${String(asked.body["id"])}/votes`, { decision: "approve", digest, reason: "Seen" });
  await eventually(async () => {
    const { mode } = await admin.get<{ mode: string }>("/governance/mode");
    return mode === "BYPASS" ? true : undefined;
  }, "runs act without asking");
}

/** What the provider does wrong until the next kill. */
async function armFaults(counts: Map<string, number>): Promise<void> {
  const kinds = [
    ...dice.draw(["429", "529", "500"], 2),
    // After these nobody knows whether the model answered: a second one in the same call ends its run.
    dice.pick(["cut_stream", "mid_stream_error", "drop_before", "drop_after"]),
  ];
  const faults = kinds.map((kind) => ({
    match: { method: "POST", path: "^/v1/messages$" },
    kind,
    times: dice.pick([1, 2]),
    ...(kind === "429" ? { retry_after: 1 } : {}),
    ...(kind === "cut_stream" || kind === "mid_stream_error" ? { after_events: dice.pick([1, 2, 4]) } : {}),
  }));
  for (const { kind, times } of faults) counts.set(kind, (counts.get(kind) ?? 0) + times);
  const response = await fetch(`${stage.stack.simulatorUrl}/_control/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(faults),
  });
  if (!response.ok) throw new Error(`the stand-in did not take the faults: ${await response.text()}`);
}

/** Everything that is over its limit now: OUs, trees of runs, single runs, leases. */
async function overTheLimit(organisationId: string): Promise<string[]> {
  const rows = await stage.witness.rows<{ what: string }>(
    `select format('OU %s: %s used and %s held of %s', o.path, b.tokens_used, b.tokens_held, b.tokens_limit) as what
       from ou_budgets b join ous o on o.id = b.ou_id
      where b.organisation_id = $1 and b.tokens_used + b.tokens_held > b.tokens_limit
     union all
     select format('tree %s: %s of %s tokens', r.id, sum(c.tokens_total), r.budget ->> 'tokens')
       from agent_runs r join agent_runs c on c.root_run_id = r.id
      where r.organisation_id = $1 and r.parent_run_id is null
      group by r.id, r.budget having sum(c.tokens_total) > (r.budget ->> 'tokens')::bigint
     union all
     select format('run %s of %s: %s of %s tokens', id, agent_id, tokens_total, budget ->> 'tokens')
       from agent_runs where organisation_id = $1 and tokens_total > (budget ->> 'tokens')::bigint
     union all
     select format('lease of %s for %s: %s of %s calls, %s left', r.agent_id, l.tool_id, u.uses, g.granted, l.calls_remaining)
       from leases l join agent_runs r on r.id = l.run_id join agent_definitions d on d.id = r.definition_id
      cross join lateral (select count(*) as uses from lease_uses where lease_id = l.lease_id) u
      cross join lateral (select (d.document #>> array['leases', l.risk, 'calls'])::int as granted) g
      where l.organisation_id = $1 and (u.uses > g.granted or u.uses + l.calls_remaining <> g.granted)`,
    [organisationId],
  );
  return rows.map(({ what }) => what);
}

/** Runs whose histories another worker could not take up: whatever was done side by side, each must replay. */
async function notReplayable(ids: readonly string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-replay-"));
  const { temporalAddress: address, temporalNamespace: namespace } = stage.stack;
  const temporal = await connectTemporal({ address, namespace });
  try {
    const codePath = await workflowBundle(directory);
    const failures: string[] = [];
    for (const id of ids) {
      const workflowId = workflowIds.agentRun(id);
      // A subagent that was to be started, and was not when its parent ended, has no workflow.
      const history = await temporal.workflow
        .getHandle(workflowId)
        .fetchHistory()
        .catch(() => undefined);
      if (history === undefined) continue;
      await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, workflowId).catch((error: unknown) => {
        failures.push(`${id}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    return failures;
  } finally {
    await temporal.connection.close();
    await rm(directory, { recursive: true, force: true });
  }
}

test("20 runs with subagents under one budget, the worker killed 5 times, the provider failing: nothing over a limit, nothing twice", async () => {
  const sandbox = await sandboxAvailability();
  const organisation = await makeOrganisation("storm", stage.stack);
  const { admin, organisationId, root } = organisation;
  const teams = [await organisation.ou(`${root}/one`), await organisation.ou(`${root}/two`)];
  const { data: ous } = await admin.get<{ data: { id: string; path: string }[] }>("/ous");
  const limit = (path: string, tokens_limit: number) =>
    admin.make(`/ous/${ous.find((ou) => ou.path === path)?.id}/budget`, { tokens_limit });
  await limit(root, 2_600_000);
  for (const team of teams) await limit(team, 1_500_000);
  const bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  if (sandbox.available) await actWithoutAsking(organisation);
  const files = ["a.txt", "b.txt"].map((path) => ({
    path,
    content: upTo(40)
      .map((line) => `${path} ${line}\n`)
      .join(""),
  }));
  const minds = await Promise.all(
    upTo(runs).map((index) => armMind(`storm-${index}`, mindOf(index, sandbox.available), stage.stack.simulatorUrl)),
  );

  const faults = new Map<string, number>();
  const over = new Map<string, number>();
  let samples = 0;
  let storming = true;
  const watch = async () => {
    while (storming) {
      const next = sleep(sampleMs);
      for (const what of await overTheLimit(organisationId)) over.set(what, (over.get(what) ?? 0) + 1);
      samples += 1;
      await next;
    }
  };
  const watching = watch();
  const since = stopwatch();
  await armFaults(faults);
  const budgets = minds.map(() => dice.pick([25_000, 60_000, 150_000, 200_000, 300_000]));
  const started = await Promise.all(
    minds.map(async (models, index) => {
      const budget = { tokens: budgets[index] };
      const ou = teams[index % teams.length];
      return (await bob.make<{ id: string }>("/runs", { task: "Try all.", ou, models, files, budget })).id;
    }),
  );
  const open = async () =>
    (
      await stage.witness.rows("select from agent_runs where organisation_id = $1 and completed_at is null", [
        organisationId,
      ])
    ).length;
  const done = async () => {
    const found = await stage.witness.rows<{ count: number }>(
      "select count(*)::int as count from agent_steps where organisation_id = $1 and status = 'success'",
      [organisationId],
    );
    return found[0]?.count ?? 0;
  };
  const openAtKill: number[] = [];
  for (let kill = 1; kill <= kills; kill += 1) {
    // By progress, not by time: on a slow machine the storm is to be as deep.
    const wanted = (await done()) + dice.pick([15, 25, 35, 45, 55]);
    await eventually(
      async () => ((await done()) >= wanted || (await open()) === 0 ? true : undefined),
      `${wanted} steps are done`,
      120_000,
    );
    await sleep(dice.pick([0, 30, 60, 90, 120, 150]));
    openAtKill.push(await open());
    await stage.kill("worker");
    await stage.again("worker");
    await armFaults(faults);
  }
  await eventually(async () => ((await open()) === 0 ? true : undefined), "all runs have ended", 300_000);
  const took = since();
  storming = false;
  await watching;

  const ended = await stage.witness.rows<{
    id: string;
    agent_id: string;
    status: string;
    reason: { rule: string } | null;
  }>("select id, agent_id, status, reason from agent_runs where organisation_id = $1", [organisationId]);
  const histogram = (keys: string[]) =>
    Object.entries(Object.groupBy(keys, (key) => key)).map(([key, list]) => `${list?.length} × ${key}`);
  const [used] = await stage.witness.rows<{ ou: string; held: string; tree: string; unknown: number }>(
    `select (select tokens_used from ou_budgets b join ous o on o.id = b.ou_id where o.path = $2) as ou,
            (select sum(tokens_held) from ou_budgets where organisation_id = $1) as held,
            (select sum(tokens_total) from agent_runs r where organisation_id = $1
               and exists (select from ou_budget_holds where root_run_id = r.root_run_id)) as tree,
            (select count(*)::int from agent_steps where organisation_id = $1 and status = 'unknown') as unknown`,
    [organisationId, root],
  );
  console.log(
    [
      `${runs} runs, ${ended.length} with subagents, took ${took} s; open at the kills: ${openAtKill.join(", ")}; restarts ${stage.restarts("worker")}`,
      `faults armed: ${[...faults].map(([kind, times]) => `${times} × ${kind}`).join(", ")}; steps of unknown outcome: ${used?.unknown}`,
      `ended: ${histogram(ended.map(({ agent_id, status, reason }) => `${agent_id} ${status} ${reason?.rule}`)).join(", ")}`,
      `${samples} samples; the root OU has used ${used?.ou} of 2600000 tokens`,
    ].join("\n"),
  );

  expect([...over]).toEqual([]);
  expect(await overTheLimit(organisationId)).toEqual([]);
  expect(openAtKill.filter((count) => count > 0).length).toBeGreaterThan(3);
  expect(ended.filter(({ reason }) => reason?.rule === undefined)).toEqual([]);
  // What was held has become what was used, at the OU as in the runs.
  expect(used?.held).toBe("0");
  expect(used?.ou).toBe(used?.tree);

  expect(await notReplayable(ended.map(({ id }) => id))).toEqual([]);

  const twice = await stage.witness.rows(
    `select act, id, count(*) from (
       select entry ->> 'act' as act, entry ->> 'id' as id from control_plane_audit
        where organisation_id = $1 and entry ->> 'operation' = 'run.step') steps group by 1, 2 having count(*) > 1`,
    [organisationId],
  );
  expect(twice).toEqual([]);
  const unpaid = await stage.witness.rows(
    `select s.run_id, s.step_id, s.tool_name, s.status from agent_steps s
      where s.organisation_id = $1 and s.step_type = 'tool_call' and s.status in ('success', 'failed', 'timeout')
        and not exists (select from lease_uses u where u.run_id = s.run_id and u.step_id = s.step_id)`,
    [organisationId],
  );
  expect(unpaid).toEqual([]);
  const marks = await stage.witness.rows<{ run_id: string; content: Buffer }>(
    "select run_id, content from run_files where organisation_id = $1 and stage = 'output' and path = 'marks.txt'",
    [organisationId],
  );
  for (const { run_id, content } of marks) {
    const lines = content.toString("utf8").trim().split("\n");
    expect({ run_id, lines: lines.toSorted() }).toEqual({ run_id, lines: [...new Set(lines)].toSorted() });
  }

  // Of one request, a second whole answer is given only when nobody knew of the first.
  for (const [index, models] of minds.entries()) {
    const answered = (await mindCalls({ url: stage.stack.simulatorUrl }, models["planner"] ?? "")).filter(
      (call) => call.answered,
    );
    const repeated = answered.length - new Set(answered.map(({ digest }) => digest)).size;
    const [unknown] = await stage.witness.rows<{ count: number }>(
      `select count(*)::int as count from agent_steps s join agent_runs r on r.id = s.run_id
        where r.root_run_id = $1 and s.step_type = 'model_call' and s.status = 'unknown'`,
      [started[index]],
    );
    expect(repeated, `run ${started[index]}`).toBeLessThanOrEqual(unknown?.count ?? 0);
  }

  const temporal = await connectTemporal({
    address: stage.stack.temporalAddress,
    namespace: stage.stack.temporalNamespace,
  });
  try {
    await eventually(async () => {
      const { count } = await temporal.workflow.count("WorkflowType = 'agentRun' and ExecutionStatus = 'Running'");
      return count === 0 ? true : undefined;
    }, "no workflow of a run is left");
  } finally {
    await temporal.connection.close();
  }
  expect(await admin.get("/audit/verify")).toMatchObject({ intact: true });
}, 600_000);
