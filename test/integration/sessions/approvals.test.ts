import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OperationId, OrganisationId } from "../../../core/ids.ts";
import { openDatabase } from "../../../db/database.ts";
import type { Person } from "../../../demo/api.ts";
import { type OperationDeps, settleOperation } from "../../../operations/submit.ts";
import { query } from "../../support/database.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { giveScript } from "../../support/provider.ts";
import { bootstrap, eventsOf, invoke, makeAgent, sessionIn, synced, wordsOf } from "../../support/sessions.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

interface Approval {
  id: string;
  kind: string;
  status: string;
  digest: string;
  can_vote: boolean;
  session_id: string | null;
  diff: { after: unknown; summary: string };
}

let organisation: TestOrganisation;
let tools: ToolServer;
let emma: Person & { id: string };
let approver: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("ask");
  tools = await startToolServer();
  const { root } = organisation;
  emma = await organisation.person("emma", {
    roles: [
      { role: "AgentUser", ou: root },
      { role: "Approver", ou: root },
    ],
  });
  approver = await organisation.person("approver", { roles: [{ role: "Approver", ou: root }] });
});
afterAll(() => tools.close());

const pendingOf = (person: Person, sessionId: string) =>
  eventually(async () => {
    const { data } = await person.get<{ data: Approval[] }>("/approvals?status=pending");
    return data.find((approval) => approval.session_id === sessionId);
  }, `an approval of session ${sessionId} is pending`);

const vote = (person: Person, { id, digest }: Approval, decision: string, reason?: string) =>
  person.send("POST", `/approvals/${id}/votes`, { decision, digest, ...(reason === undefined ? {} : { reason }) });

describe("a tool call of a server that always asks", () => {
  let agentId: string;
  beforeAll(async () => {
    const { admin, root } = organisation;
    const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
    ({ id: agentId } = await makeAgent(admin, { name: "careful", ou: root }));
    await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: server.id, permission_policy: "always_ask" });
    await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: server.id });
    await giveScript(await synced(admin, agentId), [
      { call: { server: "notes", tool: "note", input: { text: "pay 100" } } },
      { say: "That was it." },
    ]);
  });

  test("waits as an approval, which shows the call itself; the invoker may not decide; once approved it runs", async () => {
    const before = tools.calls.length;
    const id = await invoke(emma, agentId);
    await sessionIn(emma, id, "waiting");
    const approval = await pendingOf(approver, id);
    expect(approval).toMatchObject({
      kind: "tool_call",
      can_vote: true,
      diff: { after: { server: "notes", tool: "note", input: { text: "pay 100" } } },
    });
    expect((await eventsOf(emma, id)).at(-1)).toMatchObject({
      type: "powerloom.approval_requested",
      payload: { request_id: approval.id },
    });
    expect((await pendingOf(emma, id)).can_vote).toBe(false);
    expect(await vote(emma, approval, "approve")).toMatchObject({ status: 403, body: { rule: "vote-refused" } });
    expect(tools.calls.length).toBe(before);
    expect((await vote(approver, approval, "approve")).status).toBe(200);
    expect((await sessionIn(emma, id, "idle")).final_message).toBe("That was it.");
    expect(tools.calls.slice(before)).toEqual([{ tool: "note", text: "pay 100" }]);
    const { data } = await organisation.admin.get<{ data: { outcome: string }[] }>(`/audit?session=${id}`);
    expect(data.map(({ outcome }) => outcome)).toEqual(["applied", "pending_approval"]);
  });

  test("does not run when it is denied, and the agent is told why", async () => {
    const before = tools.calls.length;
    const id = await invoke(emma, agentId);
    const approval = await pendingOf(approver, id);
    expect((await vote(approver, approval, "deny")).status).toBe(422);
    expect((await vote(approver, approval, "deny", "Too much money")).status).toBe(200);
    await sessionIn(emma, id, "idle");
    const result = (await eventsOf(emma, id)).find(({ type }) => type === "agent.mcp_tool_result");
    expect(result?.payload["is_error"]).toBe(true);
    expect(wordsOf(result as never)).toContain("Too much money");
    expect(tools.calls.length).toBe(before);
  });

  test("that is interrupted while it waits can no longer be approved, and the session goes on", async () => {
    const before = tools.calls.length;
    const id = await invoke(emma, agentId);
    const approval = await pendingOf(approver, id);
    await emma.send("POST", `/sessions/${id}/interrupt`, {});
    await sessionIn(emma, id, "idle");
    expect(await vote(approver, approval, "approve")).toMatchObject({ status: 409, body: { code: "conflict" } });
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Again" });
    const again = await pendingOf(approver, id);
    expect(again.id).not.toBe(approval.id);
    await vote(approver, again, "approve");
    await sessionIn(emma, id, "idle");
    expect(tools.calls.slice(before)).toHaveLength(1);
  });

  test("approved in the very moment of an interrupt never leaves the session stuck", async () => {
    const id = await invoke(emma, agentId);
    const approval = await pendingOf(approver, id);
    await Promise.all([emma.send("POST", `/sessions/${id}/interrupt`, {}), vote(approver, approval, "approve")]);
    await sessionIn(emma, id, "idle");
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Again" });
    await vote(approver, await pendingOf(approver, id), "approve");
    const said = await eventually(async () => {
      const events = await eventsOf(emma, id);
      return events.find((event) => wordsOf(event) === "That was it.");
    }, "the next message is answered");
    expect(said.type).toBe("agent.message");
  });

  test("of a session that ends is withdrawn, and audited as such", async () => {
    const id = await invoke(emma, agentId);
    const approval = await pendingOf(approver, id);
    await emma.send("POST", `/sessions/${id}/end`, {});
    await eventually(async () => {
      const { status } = await approver.get<Approval>(`/approvals/${approval.id}`);
      return status === "cancelled" || undefined;
    }, "the approval is withdrawn");
    const { data } = await organisation.admin.get<{ data: { outcome: string }[] }>(`/audit?session=${id}`);
    expect(data[0]?.outcome).toBe("cancelled");
  });
});

describe("a change that an agent asked for and a policy holds back", () => {
  let metaAgentId: string;
  let guarded: string;
  let builder: Person & { id: string };
  beforeAll(async () => {
    const { admin, root } = organisation;
    guarded = await organisation.ou(`${root}/guarded`);
    await admin.make("/mcp-servers", { name: "crm", display_name: "CRM", ou: root, url: "http://127.0.0.1:9/mcp" });
    await admin.make("/approval-policies", {
      name: "guarded",
      ou: guarded,
      operations: ["agent.create"],
      approver_role: "Approver",
    });
    ({ agentId: metaAgentId } = await bootstrap(admin, root));
    builder = await organisation.person("builder", { roles: [{ role: "AgentBuilder", ou: root }] });
  });

  const askFor = async (name: string) => {
    const prompt = `Create a lead research agent called ${name} in ${guarded}, owned by me, with the CRM server and nothing else.`;
    const id = await invoke(builder, metaAgentId, { prompt });
    const approval = await eventually(async () => {
      const { data } = await approver.get<{ data: Approval[] }>("/approvals?status=pending");
      return data.find(({ diff }) => diff.summary.includes(name));
    }, `the creation of ${name} waits`);
    await sessionIn(builder, id, "idle");
    return { id, approval };
  };
  const agentNamed = async (name: string) =>
    (await organisation.admin.get<{ data: Record<string, unknown>[] }>(`/agents?name=${name}`)).data[0];

  test("is told to the open session once it is approved, which then finishes the wiring", async () => {
    const { id, approval } = await askFor("waits-open");
    expect(await agentNamed("waits-open")).toBeUndefined();
    expect((await vote(approver, approval, "approve")).status).toBe(200);
    // Whom to tell is known also to an attempt that finds it settled, however quick people were.
    await eventually(async () => {
      const settled =
        "update operations set created_at = finished_at where id = $1 and status = 'applied' returning id";
      return (await query(settled, [approval.id]))[0];
    }, "it is applied");
    const db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 2 });
    const ref = {
      organisationId: organisation.organisationId as OrganisationId,
      operationId: approval.id as OperationId,
    };
    const again = await settleOperation({ db, now: () => new Date() } as unknown as OperationDeps, ref);
    await db.close();
    expect(again).toMatchObject({ status: "applied", tell: id });
    const agent = await eventually(async () => {
      const found = await agentNamed("waits-open");
      return (found?.["mcp_servers"] as string[] | undefined)?.includes("crm") ? found : undefined;
    }, "the agent is created and wired");
    await sessionIn(builder, id, "idle");
    const detail = await builder.get<{ credentials: unknown[] }>(`/agents/${String(agent["id"])}`);
    expect(detail.credentials).toHaveLength(1);
    const told = (await eventsOf(builder, id)).filter(({ type }) => type === "user.message").map(wordsOf);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatch(new RegExp(`^\\[powerloom\\] request ${approval.id} applied: `));
  });

  test("is told as denied, with the reason", async () => {
    const { id, approval } = await askFor("gets-denied");
    await vote(approver, approval, "deny", "Not this quarter");
    const told = await eventually(async () => {
      const events = (await eventsOf(builder, id)).filter(({ type }) => type === "user.message");
      return events.length === 2 ? wordsOf(events[1] as never) : undefined;
    }, "the session is told");
    expect(told).toBe(`[powerloom] request ${approval.id} denied: Not this quarter`);
    expect(await agentNamed("gets-denied")).toBeUndefined();
  });

  test("still applies when the session has ended meanwhile", async () => {
    const { id, approval } = await askFor("outlives");
    await builder.send("POST", `/sessions/${id}/end`, {});
    expect((await vote(approver, approval, "approve")).status).toBe(200);
    const agent = await eventually(() => agentNamed("outlives"), "the agent is created");
    expect(agent).toMatchObject({ owner_email: builder.email, ou_path: guarded });
  });
});
