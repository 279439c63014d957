import type { Client } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workflowIds } from "../../../core/ids.ts";
import type { Person } from "../../../demo/api.ts";
import { query } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, ended, eventsOf, runWhen, type Said, type Script } from "../../support/runs.ts";
import { sharedTemporal } from "../../support/temporal.ts";

let organisation: TestOrganisation;
let other: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };
let temporal: Client;

beforeAll(async () => {
  organisation = await makeOrganisation("abandoned");
  other = await makeOrganisation("bystander");
  const { root } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
  await organisation.admin.make(`/ous/${await idOf(organisation)}/budget`, { tokens_limit: 10_000_000 });
  temporal = await sharedTemporal();
});
afterAll(() => temporal.connection.close());

async function idOf({ root }: TestOrganisation): Promise<string> {
  const [ou] = await query<{ id: string }>("select id from ous where path = $1", [root]);
  return ou?.id ?? "";
}

const write = { tool_uses: [{ name: "write_file", input: { path: "a.txt", content: "a" } }] };
const done = { output: { summary: "done" } };

async function begin(name: string, agent: string, minds: Record<string, Script>, person: Person = bob) {
  const model = Object.values(await armMind(name, minds))[0];
  const models = Object.fromEntries(["gullible", "orchestrator", "reader"].map((role) => [role, model]));
  const { id } = await person.make<{ id: string }>("/runs", {
    task: "Do it.",
    agent,
    files: [{ path: "before.txt", content: "x" }],
    models,
    budget: { tokens: 200_000 },
  });
  return id;
}

const gullible = (turns: Said[]) => ({ gullible: { turns } });
const workflowOf = (runId: string) => temporal.workflow.getHandle(workflowIds.agentRun(runId));
const waits = (person: Person, id: string) =>
  runWhen(person, id, ({ status }) => status === "waiting", "it waits for a person");
const stepOf = async (runId: string, stepId: string) =>
  (
    await query<{ status: string }>("select status from agent_steps where run_id = $1 and step_id = $2", [
      runId,
      stepId,
    ])
  )[0]?.status;
const endsIn = (runId: string) =>
  query<{ operation: string; outcome: string; rule: string }>(
    `select entry->>'operation' as operation, entry->>'outcome' as outcome, entry->>'rule' as rule
       from control_plane_audit where entry->>'target' = $1 and entry->>'operation' in ('run.completed', 'run.failed')`,
    [`run:${runId}`],
  );
async function budget(): Promise<{ tokens_held: number; tokens_used: number }> {
  const { data } = await organisation.admin.get<{ data: { tokens_held: number; tokens_used: number }[] }>("/budgets");
  return data[0] ?? { tokens_held: -1, tokens_used: -1 };
}

describe("a run whose workflow is gone", () => {
  test("terminated while it waits for a person, it ends as a run that ends by itself; another one goes on", async () => {
    const before = await budget();
    const ann = await other.person("ann", { roles: [{ role: "AgentBuilder", ou: other.root }] });
    const bystander = await begin("bystander", "gullible", gullible([write, done]), ann);
    const id = await begin("terminated", "gullible", gullible([write, done]));
    const { waiting_for: requestId } = await waits(bob, id);
    await waits(ann, bystander);
    expect((await budget()).tokens_held).toBe(before.tokens_held + 200_000);
    await workflowOf(id).terminate("by an operator");

    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "failed", waiting_for: null, reason: { rule: "workflow-terminated" } });
    expect(run.steps.filter(({ status }) => ["proposed", "waiting", "running"].includes(status))).toEqual([]);
    expect(await query("select from leases where run_id = $1 and revoked_at is null", [id])).toEqual([]);
    expect(await budget()).toMatchObject({
      tokens_held: before.tokens_held,
      tokens_used: before.tokens_used + run.used.tokens,
    });
    const approvals = await query(
      `select a.status, p.decision from approval_requests a join permission_requests p on p.request_id = a.id where a.id = $1`,
      [requestId],
    );
    expect(approvals).toEqual([{ status: "cancelled", decision: "cancelled" }]);
    const vote = await eve.send("POST", `/approvals/${requestId}/votes`, {
      decision: "approve",
      digest: "0".repeat(64),
    });
    expect(vote.status).toBe(409);
    const files = await query<{ path: string }>("select path from run_files where run_id = $1 and stage = 'output'", [
      id,
    ]);
    expect(files).toEqual([{ path: "before.txt" }]);

    // Several sweeps later nothing has been done a second time, and the run that only waits still does.
    const since = await lastSweep();
    await eventually(async () => ((await lastSweep()) > since + 4_000 ? true : undefined), "sweeps", 30_000);
    expect(await endsIn(id)).toEqual([{ operation: "run.failed", outcome: "failed", rule: "workflow-terminated" }]);
    expect((await eventsOf(bob, id)).filter(({ type }) => type === "run_failed")).toHaveLength(1);
    expect((await budget()).tokens_held).toBe(before.tokens_held);
    expect(await ann.get(`/runs/${bystander}`)).toMatchObject({ status: "waiting" });
    expect(await organisation.admin.get("/audit/verify")).toMatchObject({ intact: true });
    await ann.send("POST", `/runs/${bystander}/cancel`, {});
    expect(await ended(ann, bystander)).toMatchObject({ status: "cancelled" });
  });

  test.each(variant("what it was told after that starts nothing anew"))("%s", async () => {
    const id = await begin("told", "gullible", gullible([write, done]));
    await waits(bob, id);
    await workflowOf(id).terminate("by an operator");
    await bob.send("POST", `/runs/${id}/messages`, { text: "Go on." });
    expect(await ended(bob, id)).toMatchObject({ status: "failed", reason: { rule: "workflow-terminated" } });
    expect((await workflowOf(id).describe()).status.name).toBe("TERMINATED");
  });

  test.each(variant("terminated while the model is asked, the call is closed and given up"))("%s", async () => {
    const id = await begin("answered-late", "gullible", gullible([{ ...done, delay_ms: 20_000 }]));
    await eventually(async () => ((await stepOf(id, "main/1")) === "running" ? true : undefined), "the model is asked");
    await workflowOf(id).terminate("by an operator");
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "failed", output: null, used: { calls: 0 } });
    // By its end, or by the worker when it hears that nobody waits for the call any more: whoever is first.
    expect(await stepOf(id, "main/1")).toBe("unknown");
    expect(await query("select from run_messages where run_id = $1 and role = 'assistant'", [id])).toEqual([]);
  });

  test.each(variant("and is not known to Temporal any more"))("%s", async () => {
    const id = await begin("forgotten", "gullible", gullible([write, done]));
    await waits(bob, id);
    const { namespace } = temporal.options;
    const { runId } = await workflowOf(id).describe();
    await temporal.workflowService.deleteWorkflowExecution({
      namespace,
      workflowExecution: { workflowId: workflowIds.agentRun(id), runId },
    });
    expect(await ended(bob, id)).toMatchObject({ status: "failed", reason: { rule: "workflow-not-found" } });
  });
});

describe("a tree of runs", () => {
  const delegate = { tool_uses: [{ name: "delegate", input: { agent: "spender", input: { task: "Read." } } }] };
  const look = { tool_uses: [{ name: "read_file", input: { path: "before.txt" } }], delay_ms: 3_000 };
  const minds = (turns: Said[]) => ({
    orchestrator: { turns: [delegate, { output: { summary: "it did not come back" } }] },
    reader: { turns },
  });
  const summary = { output: { summary: "read" }, delay_ms: 3_000 };

  async function withChild(name: string): Promise<{ id: string; childId: string }> {
    const id = await begin(name, "spending-desk", minds([look, look, look, summary]));
    const childId = await eventually(
      async () =>
        (
          await query<{ id: string }>("select id from agent_runs where parent_run_id = $1 and status = 'running'", [id])
        )[0]?.id,
      "the subagent works",
    );
    return { id, childId };
  }

  test("a subagent that is terminated is ended, and the run that started it goes on with that answer", async () => {
    const before = await budget();
    const { id, childId } = await withChild("child-terminated");
    await workflowOf(childId).terminate("by an operator");
    expect(await ended(bob, id)).toMatchObject({ status: "completed", output: { summary: "it did not come back" } });
    expect(await ended(bob, childId)).toMatchObject({ status: "failed", reason: { rule: "workflow-terminated" } });
    expect(await endsIn(childId)).toHaveLength(1);
    expect((await budget()).tokens_held).toBe(before.tokens_held);
  });

  test.each(
    variant("the first run terminated: its subagent is cancelled, then it is ended itself, with what both have used"),
  )("%s", async () => {
    const before = await budget();
    const { id, childId } = await withChild("root-terminated");
    await eventually(
      async () => ((await stepOf(childId, "main/2")) === "running" ? true : undefined),
      "one look is done",
    );
    await workflowOf(id).terminate("by an operator");
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "failed", reason: { rule: "workflow-terminated" } });
    const child = run.children[0];
    expect(child).toMatchObject({ id: childId, status: "cancelled" });
    expect(Date.parse(child?.completed_at ?? "")).toBeLessThanOrEqual(Date.parse(run.completed_at ?? ""));
    const [sum] = await query<{ tokens: string }>(
      "select sum(tokens_total) as tokens from agent_runs where root_run_id = $1",
      [id],
    );
    expect(await budget()).toMatchObject({
      tokens_held: before.tokens_held,
      tokens_used: before.tokens_used + Number(sum?.tokens),
    });
  });

  test.each(variant("both terminated at once: both are ended"))("%s", async () => {
    const before = await budget();
    const { id, childId } = await withChild("both-terminated");
    await Promise.all([workflowOf(id).terminate("by an operator"), workflowOf(childId).terminate("by an operator")]);
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "failed", children: [{ id: childId, status: "failed" }] });
    for (const one of [id, childId])
      expect(await endsIn(one)).toEqual([{ operation: "run.failed", outcome: "failed", rule: "workflow-terminated" }]);
    expect((await budget()).tokens_held).toBe(before.tokens_held);
  });
});

/** When the newest sweep was started, milliseconds. */
async function lastSweep(): Promise<number> {
  const { info } = await temporal.schedule.getHandle(workflowIds.reconcileSweep).describe();
  return info.recentActions.at(-1)?.takenAt.getTime() ?? 0;
}
