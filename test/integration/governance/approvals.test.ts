import type { Client } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workflowIds } from "../../../core/ids.ts";
import { decideApproval } from "../../../db/queries/approvals.ts";
import type { Person } from "../../../demo/api.ts";
import { lookAgain, status } from "../../../workflows/messages.ts";
import { asSuperuser } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { sharedTemporal } from "../../support/temporal.ts";
import { askForApproval, auditAbout, auditOf, call, inOrganisation, withRole } from "./stage.ts";

interface Request {
  status: string;
  reason: string | null;
  problem: { code: string; detail: string } | null;
  result: { id: string } | null;
}
interface Pending {
  id: string;
  digest: string;
}

let shared: ReturnType<typeof people> | undefined;
async function people() {
  const organisation = await makeOrganisation("votes");
  const approver = (name: string) => withRole(organisation, "Approver", name);
  const [requester, one, two, three] = await Promise.all([
    withRole(organisation, "AgentBuilder", "requester"),
    approver("one"),
    approver("two"),
    approver("three"),
  ]);
  return { ...organisation, requester, one, two, three };
}

/** An OU of its own where one approval is needed to do anything with agents; the people are the same in all tests. */
async function careful(name: string, more: Record<string, unknown> = {}) {
  shared ??= people();
  const world = await shared;
  const root = await world.ou(`${world.root}/${name}`);
  const policy = await world.admin.make<{ id: string }>("/approval-policies", {
    name: "careful",
    ou: root,
    operations: ["agent.*"],
    ...more,
  });
  return { ...world, root, policyId: policy.id };
}

const ask = (person: Person, root: string, name = "wanted") => askForApproval(person, "/agents", { name, ou: root });
const vote = (person: Person, { id, digest }: Pending, decision = "approve", reason?: string) =>
  call(person, "POST", `/approvals/${id}/votes`, { decision, digest, ...(reason === undefined ? {} : { reason }) });

function finished(person: Person, id: string): Promise<Request> {
  return eventually(async () => {
    const request = await person.get<Request>(`/requests/${id}`);
    return ["received", "pending_approval"].includes(request.status) ? undefined : request;
  }, `${id} is finished`);
}

async function outcomes(organisation: TestOrganisation, id: string): Promise<string[]> {
  return (await auditAbout(organisation.organisationId, id)).map((entry) => `${entry.operation} ${entry.outcome}`);
}

async function agentsIn(organisation: TestOrganisation): Promise<number> {
  return (await organisation.admin.get<{ data: unknown[] }>(`/agents?ou=${organisation.root}`)).data.length;
}

describe("votes", () => {
  test("two approvals of two make it happen once, in the requester's name; every step is one entry", async () => {
    const world = await careful("two", { approvals_needed: 2 });
    const pending = await ask(world.requester, world.root);
    expect((await vote(world.one, pending)).body).toMatchObject({
      status: "pending",
      approvals_needed: 2,
      can_vote: false,
    });
    expect((await world.requester.get<Request>(`/requests/${pending.id}`)).status).toBe("pending_approval");
    expect((await vote(world.two, pending)).body["status"]).toBe("approved");
    expect((await finished(world.requester, pending.id)).status).toBe("applied");
    expect(await outcomes(world, pending.id)).toEqual([
      "agent.create pending_approval",
      "approval.vote voted",
      "approval.vote voted",
      "agent.create applied",
    ]);
    const applied = (await auditAbout(world.organisationId, pending.id)).at(-1);
    expect(applied).toMatchObject({ sub: world.requester.id, body: { approval_id: pending.id } });
    expect(await agentsIn(world)).toBe(1);
    expect((await vote(world.three, pending)).status).toBe(409);
  });

  test("two matching policies are both to be met", async () => {
    const world = await careful("both");
    await world.admin.make("/approval-policies", {
      name: "chief",
      ou: world.root,
      operations: ["agent.create"],
      approver_role: "OrgAdmin",
    });
    const pending = await ask(world.requester, world.root);
    expect((await vote(world.one, pending)).body["status"]).toBe("pending");
    expect((await vote(world.two, pending)).body["status"]).toBe("pending");
    expect((await vote(world.admin, pending)).body["status"]).toBe("approved");
    expect((await finished(world.requester, pending.id)).status).toBe("applied");
  });

  test("joining a group that holds a role needs the approval that binding the role would need, by approvers of that place", async () => {
    const world = await careful("joining");
    const { admin } = world;
    const [guarded, elsewhere] = [await world.ou(`${world.root}/guarded`), await world.ou(`${world.root}/elsewhere`)];
    const group = await admin.make<{ id: string }>("/groups", { name: "joining", ou: elsewhere });
    const around = await admin.make<{ id: string }>("/groups", { name: "around", ou: elsewhere });
    const join = (id: string, body: Record<string, unknown>) => call(admin, "POST", `/groups/${id}/members`, body);
    // The role reaches the inner group through the one around it.
    expect((await join(around.id, { member_group_id: group.id })).status).toBe(201);
    await admin.make("/bindings", { role: "AgentBuilder", ou: guarded, group_id: around.id });
    const newcomer = await world.person("newcomer");
    const [here, there] = await Promise.all([
      world.person("here", { roles: [{ role: "Approver", ou: elsewhere }] }),
      world.person("there", { roles: [{ role: "Approver", ou: guarded }] }),
    ]);
    await admin.make("/approval-policies", { name: "grants", ou: guarded, operations: ["binding.create"] });
    const dry = await call(admin, "POST", `/groups/${group.id}/members?dryRun=true`, { user: newcomer.email });
    expect(dry.body).toMatchObject({ decision: "needs_approval", policies: [{ name: "grants" }] });
    const pending = await askForApproval(admin, `/groups/${group.id}/members`, { user: newcomer.email });
    const build = () => call(newcomer, "POST", "/agents", { name: "built", ou: guarded });
    expect((await build()).status).toBe(403);
    expect((await vote(here, pending)).status).toBe(403);
    expect((await vote(admin, pending)).status).toBe(403);
    expect((await build()).status).toBe(403);
    const seen = await there.get<Record<string, unknown>>(`/approvals/${pending.id}`);
    expect(seen).toMatchObject({ can_vote: true, diff: { after: { gains: [`AgentBuilder on ${guarded}`] } } });
    expect((await vote(there, pending)).body["status"]).toBe("approved");
    expect((await finished(admin, pending.id)).status).toBe("applied");
    expect((await join(group.id, { user: newcomer.email })).status).toBe(409);
    expect((await build()).status).not.toBe(403);
  });

  test.each(
    variant("a role for a group is approved for the people in it: who joins meanwhile makes the approval stale"),
  )("%s", async () => {
    const world = await careful("group-role");
    const { admin, root } = world;
    const group = await admin.make<{ id: string }>("/groups", { name: "trusted", ou: root });
    await admin.make("/approval-policies", { name: "grants", ou: root, operations: ["binding.create"] });
    const pending = await askForApproval(admin, "/bindings", { role: "OUAdmin", ou: root, group_id: group.id });
    const late = await world.person("late");
    expect((await call(admin, "POST", `/groups/${group.id}/members`, { user: late.email })).status).toBe(201);
    expect((await vote(world.one, pending)).body["status"]).toBe("approved");
    const after = await finished(admin, pending.id);
    expect(after).toMatchObject({ status: "refused", problem: { code: "approval_stale" } });
  });

  test("one denial ends it, and needs a reason, which the requester reads", async () => {
    const world = await careful("deny", { approvals_needed: 2 });
    const pending = await ask(world.requester, world.root);
    await vote(world.one, pending);
    const unexplained = await vote(world.two, pending, "deny");
    expect([unexplained.status, unexplained.body["pointer"]]).toEqual([422, "/reason"]);
    expect((await vote(world.two, pending, "deny", "too many agents")).body["status"]).toBe("denied");
    expect(await finished(world.requester, pending.id)).toMatchObject({ status: "denied", reason: "too many agents" });
    expect((await vote(world.three, pending)).status).toBe(409);
    expect(await agentsIn(world)).toBe(0);
    expect(await outcomes(world, pending.id)).toEqual([
      "agent.create pending_approval",
      "approval.vote voted",
      "approval.vote voted",
      "agent.create denied",
    ]);
  });

  test("are not for the requester, whatever their roles, nor for who lacks the role, nor for strangers", async () => {
    const shared = await careful("who");
    const requester = await withRole(shared, "AgentBuilder", "votes-too");
    const world = { ...shared, requester };
    await world.admin.make("/bindings", { role: "Approver", ou: world.root, user: world.requester.email });
    const pending = await ask(world.requester, world.root);
    expect((await vote(world.requester, pending)).status).toBe(403);
    expect((await vote(world.admin, pending)).status).toBe(403);
    const elsewhere = await withRole(await makeOrganisation("elsewhere"), "Approver");
    expect((await vote(elsewhere, pending)).status).toBe(404);
    expect((await world.requester.get<{ can_vote: boolean }>(`/approvals/${pending.id}`)).can_vote).toBe(false);
    expect((await world.one.get<{ can_vote: boolean }>(`/approvals/${pending.id}`)).can_vote).toBe(true);
    expect((await call(elsewhere, "GET", `/approvals/${pending.id}`)).status).toBe(404);
    expect(await outcomes(world, pending.id)).toEqual(["agent.create pending_approval"]);
    const refusals = (await auditOf(world.organisationId)).filter(
      (entry) => entry.operation === "approval.vote" && entry.target === `request:${pending.id}`,
    );
    expect(refusals.map((entry) => entry.outcome)).toEqual(["refused", "refused"]);
  });

  test("cast twice are one, changed are refused, and must name what was seen", async () => {
    const world = await careful("twice", { approvals_needed: 2 });
    const pending = await ask(world.requester, world.root);
    expect((await vote(world.one, { ...pending, digest: "0".repeat(64) })).status).toBe(409);
    const [first, again] = [await vote(world.one, pending), await vote(world.one, pending)];
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body).toEqual(first.body);
    expect((await vote(world.one, pending, "deny", "changed my mind")).status).toBe(409);
    expect(await outcomes(world, pending.id)).toEqual(["agent.create pending_approval", "approval.vote voted"]);
  });
});

describe("a request", () => {
  test.each(variant("is withdrawn by its requester alone, once, and only while it waits"))("%s", async () => {
    const world = await careful("cancel");
    const pending = await ask(world.requester, world.root);
    const cancel = (person: Person, id = pending.id) =>
      call(person, "POST", `/requests/${id}/cancel`, { reason: "not needed" });
    expect((await cancel(world.one)).status).toBe(403);
    expect((await cancel(world.admin)).status).toBe(403);
    expect((await cancel(world.requester)).body["status"]).toBe("cancelled");
    expect((await cancel(world.requester)).status).toBe(200);
    expect(await finished(world.requester, pending.id)).toMatchObject({ status: "cancelled", reason: "not needed" });
    expect((await vote(world.one, pending)).status).toBe(409);
    expect(await outcomes(world, pending.id)).toEqual([
      "agent.create pending_approval",
      "request.cancel cancelled",
      "agent.create cancelled",
    ]);
    const done = await ask(world.requester, world.root, "done");
    await vote(world.one, done);
    await finished(world.requester, done.id);
    expect((await cancel(world.requester, done.id)).status).toBe(409);
    expect((await cancel(world.requester, "req_none")).status).toBe(404);
  });

  test("nobody decides on expires by itself, with an entry, and its time can no longer be used", async () => {
    const world = await careful("expire", { expires_after_seconds: 1 });
    const pending = await ask(world.requester, world.root);
    expect((await finished(world.requester, pending.id)).status).toBe("expired");
    expect((await vote(world.one, pending)).status).toBe(409);
    expect(await outcomes(world, pending.id)).toEqual(["agent.create pending_approval", "agent.create expired"]);
    expect(await world.one.get(`/approvals/${pending.id}`)).toMatchObject({ status: "expired" });
    expect(await agentsIn(world)).toBe(0);
  });
});

describe("just before it is applied everything is looked at again", () => {
  const cases: [string, (world: Awaited<ReturnType<typeof careful>>, pending: Pending) => Promise<unknown>, string][] =
    [
      [
        "the requester's right",
        async ({ admin, requester }) => {
          const held = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${requester.email}`);
          expect((await call(admin, "DELETE", `/bindings/${held.data[0]?.id}`)).status).toBe(200);
        },
        "forbidden",
      ],
      [
        "whether the requester is still active",
        ({ requester }) =>
          asSuperuser((sql) => sql.query("update users set status = 'suspended' where id = $1", [requester.id])),
        "forbidden",
      ],
      [
        "the policy's version",
        async ({ admin, policyId }) => {
          await call(admin, "PATCH", `/approval-policies/${policyId}`, { approvals_needed: 2 });
        },
        "approval_stale",
      ],
      [
        "whether another policy came",
        ({ admin, root }) => admin.make("/approval-policies", { name: "new", ou: root, operations: ["agent.create"] }),
        "approval_stale",
      ],
      [
        "whether the policy was switched off",
        async ({ admin, policyId }) => {
          await call(admin, "PATCH", `/approval-policies/${policyId}`, { enabled: false });
        },
        "approval_stale",
      ],
      [
        "whether the name is still free",
        async ({ admin, one, root }) => {
          const rival = await ask(admin, root);
          await vote(one, rival);
          expect((await finished(admin, rival.id)).status).toBe("applied");
        },
        "conflict",
      ],
    ];

  let rounds = 0;
  test.each(cases)("%s", async (_, meanwhile, code) => {
    rounds += 1;
    const world = await careful(`again-${rounds}`);
    world.requester = await withRole(world, "AgentBuilder", `again-${rounds}`);
    const pending = await ask(world.requester, world.root);
    await meanwhile(world, pending);
    const before = await agentsIn(world);
    expect((await vote(world.two, pending)).body["status"]).toBe("approved");
    expect(await finished(world.admin, pending.id)).toMatchObject({ status: "refused", problem: { code } });
    expect(await agentsIn(world)).toBe(before);
    expect((await outcomes(world, pending.id)).at(-1)).toBe("agent.create refused");
    expect(await world.one.get(`/approvals/${pending.id}`)).toMatchObject({ status: "refused" });
  });

  test("whether the target is the one that was seen", async () => {
    const world = await careful("target", { operations: ["agent.update"] });
    const agent = await world.requester.make<{ id: string }>("/agents", { name: "moving", ou: world.root });
    const skill = await world.admin.make<{ id: string }>("/skills", {
      name: "s",
      ou: world.root,
      description: "S",
      content: "#",
    });
    const change = () => askForApproval(world.requester, `/agents/${agent.id}`, { description: "approved" }, "PATCH");
    const stale = await change();
    await world.admin.make(`/agents/${agent.id}/skills`, { skill_id: skill.id });
    await vote(world.one, stale);
    expect(await finished(world.requester, stale.id)).toMatchObject({
      status: "refused",
      problem: { code: "approval_stale" },
    });
    const fresh = await change();
    await vote(world.one, fresh);
    expect((await finished(world.requester, fresh.id)).status).toBe("applied");
    expect(await world.admin.get(`/agents/${agent.id}`)).toMatchObject({ description: "approved" });
  });
});

describe("Temporal is not evidence, the database is", () => {
  let temporal: Client;
  beforeAll(async () => {
    temporal = await sharedTemporal();
  });
  afterAll(() => temporal.connection.close());

  test("a forged signal to look again applies nothing, though the workflow looks", async () => {
    const world = await careful("forged");
    const pending = await ask(world.requester, world.root);
    const handle = temporal.workflow.getHandle(workflowIds.provision("agent.create", pending.id));
    for (let round = 0; round < 3; round += 1) await handle.signal(lookAgain);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await handle.query(status)).phase).toBe("pending_approval");
    expect((await world.requester.get<Request>(`/requests/${pending.id}`)).status).toBe("pending_approval");
    expect(await outcomes(world, pending.id)).toEqual(["agent.create pending_approval"]);
    expect(await agentsIn(world)).toBe(0);
    await vote(world.one, pending);
    expect((await finished(world.requester, pending.id)).status).toBe("applied");
  });

  test.each([
    ["", 0],
    [" under a clock ten minutes ahead", 600],
  ])("a decision whose signal was lost is found by the sweep and applied once%s", async (_, wrongBy) => {
    const world = await careful(`lost-${wrongBy}`);
    const pending = await ask(world.requester, world.root);
    await inOrganisation(world.organisationId, async (tx) => {
      await tx.run(
        `insert into approval_votes (organisation_id, request_id, principal_id, decision, roles, digest)
         values ($1, $2, $3, 'approve', '{Approver}', $4)`,
        [world.organisationId, pending.id, world.one.id, pending.digest],
      );
      await decideApproval(tx, pending.id, { status: "approved" }, new Date(Date.now() + wrongBy * 1_000));
    });
    expect((await finished(world.requester, pending.id)).status).toBe("applied");
    expect(await outcomes(world, pending.id)).toEqual(["agent.create pending_approval", "agent.create applied"]);
  });

  test("no history carries what was asked for, or why it was denied", async () => {
    const world = await careful("quiet");
    const words = "unspeakable purpose";
    const pending = await askForApproval(world.requester, "/agents", {
      name: "silent",
      ou: world.root,
      system_prompt: words,
    });
    await vote(world.one, pending, "deny", "an unprintable reason");
    await finished(world.requester, pending.id);
    const handle = temporal.workflow.getHandle(workflowIds.provision("agent.create", pending.id));
    await handle.result();
    const history = textsIn(await handle.fetchHistory()).join("\n");
    // Payloads are among them, decoded: the reference to the row is one.
    expect(history).toContain(`"operationId":"${pending.id}"`);
    for (const secret of [words, "unprintable", world.requester.email]) expect(history).not.toContain(secret);
  });
});

test("twenty votes, denials and withdrawals at once have one outcome and at most one execution", async () => {
  const world = await careful("storm");
  const crowd = await Promise.all(
    Array.from({ length: 6 }, (_, index) => withRole(world, "Approver", `crowd-${index}`)),
  );
  const pending = await ask(world.requester, world.root);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => {
      const person = crowd[index % crowd.length] ?? world.one;
      if (index % 5 === 4) return call(world.requester, "POST", `/requests/${pending.id}/cancel`, {});
      return index % 3 === 0 ? vote(person, pending, "deny", "no") : vote(person, pending);
    }),
  );
  expect(answers.every((answer) => [200, 409].includes(answer.status))).toBe(true);
  const request = await finished(world.requester, pending.id);
  const entries = await outcomes(world, pending.id);
  expect(entries.filter((entry) => /^(approval\.vote|request\.cancel)/.test(entry))).toHaveLength(1);
  expect(entries.filter((entry) => entry.startsWith("agent.create"))).toEqual([
    "agent.create pending_approval",
    `agent.create ${request.status}`,
  ]);
  expect(await agentsIn(world)).toBe(request.status === "applied" ? 1 : 0);
  expect(await world.admin.get("/audit/verify")).toMatchObject({ intact: true });
});

/** Every string and every payload in a value, bytes read as text. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("utf8")];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
