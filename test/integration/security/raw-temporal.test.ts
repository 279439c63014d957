import { Client, Connection } from "@temporalio/client";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workflowIds } from "../../../core/ids.ts";
import type { Person } from "../../../demo/api.ts";
import * as workflows from "../../../workflows/index.ts";
import * as messages from "../../../workflows/messages.ts";
import { query } from "../../support/database.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { callIn } from "../../support/run-calls.ts";
import { armMind } from "../../support/runs.ts";
import { invoke, sessionIn, synced } from "../../support/sessions.ts";
import { askForApproval, auditOf, stateOf } from "../governance/stage.ts";

/**
 * Whoever reaches Temporal can send a workflow whatever they like. Everything that anybody is waiting for here waits for a
 * decision, and none may come of it.
 */
let temporal: Client;
let organisation: TestOrganisation;
let emma: Person;
/** A workflow of every kind, as it waits. */
let waiting: Record<keyof typeof workflows, string>;
let facts: { organisationId: string; operationId: string; agentId: string; sessionId: string; runId: string };

beforeAll(async () => {
  const { temporalAddress: address, temporalNamespace: namespace } = sharedStack();
  temporal = new Client({ connection: await Connection.connect({ address }), namespace });
  organisation = await makeOrganisation("raw");
  const { admin, root, organisationId } = organisation;
  emma = await organisation.person("emma", { roles: [{ role: "AgentBuilder", ou: root }] });
  const careful = await organisation.ou(`${root}/careful`);
  await admin.make("/approval-policies", { name: "careful", ou: careful, operations: ["agent.create"] });
  const { id: operationId } = await askForApproval(emma, "/agents", { name: "wanted", ou: careful });
  const { id: agentId } = await admin.make<{ id: string }>("/agents", { name: "target", ou: root });
  await synced(admin, agentId);
  const sessionId = await invoke(emma, agentId);
  await sessionIn(emma, sessionId, "idle");
  const mind = `raw-${v7()}`;
  const wish = { tool_uses: [{ name: "agent_create", input: { name: "wished-for", ou: root } }] };
  await armMind(mind, { operator: { turns: [wish, { output: { result: "done" } }], afterwards: "last" } });
  const { id: runId } = await emma.make<{ id: string }>("/runs", {
    task: "Provision.",
    agent: "operator",
    models: { operator: `mind-${mind}` },
  });
  await callIn(runId, "agent_create", "waiting");
  await eventually(
    async () =>
      (await query("select from approval_requests where run_id = $1 and status = 'pending'", [runId])).length === 1 ||
      undefined,
    "the run asks",
  );
  facts = { organisationId, operationId, agentId, sessionId, runId };
  waiting = {
    provision: workflowIds.provision("agent.create", operationId),
    agentSession: workflowIds.agentSession(sessionId),
    agentRun: workflowIds.agentRun(runId),
    reconcileAgent: workflowIds.reconcileAgent(agentId),
    bootstrap: workflowIds.bootstrap(organisationId),
    reconcileSweep: workflowIds.reconcileSweep,
  };
});
afterAll(async () => {
  await emma.send("POST", `/runs/${facts.runId}/cancel`, {});
  await emma.send("POST", `/sessions/${facts.sessionId}/end`, {});
  await temporal.connection.close();
});

/** What somebody would claim, as every kind of payload that a careless handler might take for true. */
const claims = [
  { decision: "approve", approved: true, status: "approved", request_id: "any", principal: "admin" },
  "approved",
  true,
  null,
];

/** Sends within a bounded time; that it is not taken is as good as that it does nothing. Undefined when it was not. */
async function attempt<Answer>(body: () => Promise<Answer>, milliseconds = 20_000): Promise<Answer | undefined> {
  const connection = temporal.connection as Connection;
  return connection.withDeadline(Date.now() + milliseconds, body).catch(() => undefined);
}

/** Everything there is, with what waits: equal when nothing was decided, made or ended. */
async function everything(): Promise<unknown> {
  const decided = await query(
    `select r.id, r.status, r.consumed_at, (select count(*) from approval_votes v where v.request_id = r.id) as votes
       from approval_requests r where r.organisation_id = $1 order by r.id`,
    [facts.organisationId],
  );
  const operations = await query("select id, status from operations where organisation_id = $1 order by id", [
    facts.organisationId,
  ]);
  return {
    decided,
    operations,
    state: await stateOf(facts.organisationId),
    audit: await auditOf(facts.organisationId),
  };
}

async function changesNothing(body: () => Promise<void>): Promise<void> {
  const before = await everything();
  await body();
  // Longer than the sweep takes to act upon what it finds.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await everything()).toEqual(before);
}

test("every workflow that there is has one to try it on", () => {
  expect(Object.keys(waiting).toSorted()).toEqual(Object.keys(workflows).toSorted());
});

test("the control: the messages that there are, are these; a new one has to be tried as well", () => {
  const named = Object.values(messages).filter(
    (one): one is typeof messages.lookAgain | typeof messages.submit | typeof messages.status =>
      typeof one === "object" && "type" in one && "name" in one,
  );
  expect(named.map(({ type, name }) => `${type} ${name}`).toSorted()).toEqual([
    "query status",
    "signal lookAgain",
    "update submit",
  ]);
});

test("no signal, update or query decides, makes or ends anything, whichever workflow it is sent to and whatever it says", async () => {
  const signals = ["lookAgain", "approve", "deny", "decide", "vote", "apply", "resume", "cancel", "__proto__"];
  const updates = ["submit", "approve", "decide", "apply"];
  const taken = new Map<string, number>();
  const answers: unknown[] = [];
  await changesNothing(async () => {
    const sent = Object.values(waiting).flatMap((id) => {
      const handle = temporal.workflow.getHandle(id);
      return claims.flatMap((claim) => [
        ...signals.map(async (name) => {
          const done = await attempt(() => handle.signal(name, claim).then(() => true));
          if (done === true) taken.set(id, (taken.get(id) ?? 0) + 1);
        }),
        ...updates.map(async (name) => {
          const answer = await attempt(() => handle.executeUpdate<unknown, [unknown]>(name, { args: [claim] }), 3_000);
          if (answer !== undefined) answers.push(answer);
        }),
        ...["status", "decide", "__stack_trace"].map((name) => attempt(() => handle.query(name, claim), 3_000)),
      ]);
    });
    await Promise.all(sent);
  });
  // The attack has come through: whoever waits has taken every signal, and `submit` says where it stands.
  for (const id of [waiting.provision, waiting.agentSession, waiting.agentRun])
    expect([id, taken.get(id)]).toEqual([id, signals.length * claims.length]);
  const handle = temporal.workflow.getHandle(waiting.provision);
  answers.push(await handle.executeUpdate<unknown, [unknown]>("submit", { args: [claims[0]] }));
  expect(new Set(answers)).toEqual(new Set(["pending_approval"]));
});

test("a workflow that waits still says that it does, and no query tells more than where it stands", async () => {
  const said = await Promise.all(
    [waiting.provision, waiting.agentSession, waiting.agentRun].map((id) =>
      temporal.workflow.getHandle(id).query(messages.status),
    ),
  );
  expect(said.map(({ phase }) => phase)).toEqual(["pending_approval", "idle", "waiting"]);
  // Neither what was asked for, nor anybody's address or words.
  for (const secret of ["wished-for", "Provision.", emma.email, "Hello"])
    expect(JSON.stringify(said)).not.toContain(secret);
});

test("a second workflow about what waits, or about another organisation's, finds what the database says and changes nothing", async () => {
  const { organisationId, operationId, agentId, sessionId, runId } = facts;
  const other = await makeOrganisation("raw-b");
  const taskQueue = "powerloom";
  const start = (type: string, ...args: unknown[]) =>
    attempt(async () => {
      const handle = await temporal.workflow.start(type, {
        workflowId: `forged:${v7()}`,
        taskQueue,
        args,
        workflowTaskTimeout: "3s",
        workflowRunTimeout: "20s",
      });
      // One that has failed already takes no signal any more.
      await handle.signal(messages.lookAgain).catch(() => undefined);
      return handle;
    });
  /** For what would otherwise go on: it is over, and not because it was done. */
  const fails = async (type: string, ...args: unknown[]) => {
    const handle = await start(type, ...args);
    await expect(handle?.result()).rejects.toThrow("Workflow execution failed");
  };
  const carried = {
    opened: {
      kind: "open",
      agent: "operator",
      label: "forged",
      ou: "/",
      caps: {},
      rates: {},
      plan: null,
      maxSteps: 50,
    },
    budget: { nodes: {}, held: {} },
    toolCalls: 0,
    stepNum: 100,
    threads: {},
    progress: null,
    steps: [],
    replans: 0,
    below: { tokens: 0, costMicros: 0, calls: 0 },
  };
  const otherBefore = await stateOf(other.organisationId);
  await changesNothing(async () => {
    for (const organisation of [organisationId, other.organisationId]) {
      await start("provision", { organisationId: organisation, operationId });
      await start("reconcileAgent", { organisationId: organisation, agentId });
    }
    for (const organisation of [organisationId, other.organisationId]) {
      await fails("agentSession", { organisationId: organisation, sessionId });
      await fails("agentRun", { organisationId: organisation, runId });
      // As if it went on from an execution before, with whatever budget and leave.
      await fails("agentRun", { organisationId: organisation, runId }, carried);
    }
    await start("bootstrap", { organisationId });
    await start("reconcileSweep", { olderThanSeconds: 0 });
    await start("provision", { organisationId, operationId: "req_unknown" });
  });
  expect(await stateOf(other.organisationId)).toBe(otherBefore);
});
