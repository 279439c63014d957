import type { Client } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OrganisationId, type SessionId, workflowIds } from "../../../core/ids.ts";
import type { Person } from "../../../demo/api.ts";
import { nudgeSession } from "../../../temporal/nudge.ts";
import { query } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { giveScript } from "../../support/provider.ts";
import { eventsOf, invoke, makeAgent, sessionIn, synced, wordsOf } from "../../support/sessions.ts";
import { sharedTemporal } from "../../support/temporal.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

let organisation: TestOrganisation;
let temporal: Client;
let tools: ToolServer;
let emma: Person & { id: string };
beforeAll(async () => {
  organisation = await makeOrganisation("runs");
  temporal = await sharedTemporal();
  tools = await startToolServer();
  emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: organisation.root }] });
});
afterAll(async () => {
  await tools.close();
  await temporal.connection.close();
});

async function runsOf(sessionId: string): Promise<string[]> {
  const statuses: string[] = [];
  const found = temporal.workflow.list({ query: `WorkflowId = '${workflowIds.agentSession(sessionId)}'` });
  for await (const { status } of found) statuses.push(status.name);
  return statuses;
}

describe("a session whose workflow goes on in a new run", () => {
  test("when its history has grown: nothing is lost, nothing said twice, and the session never ends by it", async () => {
    const { admin, root } = organisation;
    const { id: agentId } = await makeAgent(admin, { name: "patient", ou: root });
    await giveScript(await synced(admin, agentId), [{ say: "Noted." }]);
    const id = await invoke(emma, agentId);
    const said = ["Hello"];
    for (let turn = 1; turn <= 8; turn += 1) {
      await sessionIn(emma, id, "idle");
      said.push(`message ${turn}`);
      expect((await emma.send("POST", `/sessions/${id}/messages`, { text: `message ${turn}` })).status).toBe(202);
    }
    const events = await eventually(async () => {
      const all = await eventsOf(emma, id);
      return all.filter((event) => wordsOf(event) === "Noted.").length === said.length ? all : undefined;
    }, "every message has its answer");
    expect(events.filter(({ type }) => type === "user.message").map(wordsOf)).toEqual(said);
    expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
    expect((await sessionIn(emma, id, "idle")).end_reason ?? null).toBeNull();
    const runs = await eventually(async () => {
      const all = await runsOf(id);
      // The list of workflows follows what is a moment later.
      return all.includes("CONTINUED_AS_NEW") && all.includes("RUNNING") ? all : undefined;
    }, "the workflow has gone on in a new run");
    expect(runs.filter((status) => status === "RUNNING")).toHaveLength(1);
    expect((await emma.send("POST", `/sessions/${id}/end`, {})).body).toMatchObject({ status: "ended" });
  });

  test("after somebody terminated it while a tool call waits: the new run knows when that approval runs out", async () => {
    const { admin, root } = organisation;
    const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
    const { id: agentId } = await makeAgent(admin, { name: "careful", ou: root });
    await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: server.id, permission_policy: "always_ask" });
    await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: server.id });
    await giveScript(await synced(admin, agentId), [
      { call: { server: "notes", tool: "note", input: { text: "pay 100" } } },
      { say: "That was it." },
    ]);
    const id = await invoke(emma, agentId);
    const waiting = () =>
      query<{ id: string; status: string }>("select id, status from approval_requests where session_id = $1", [id]);
    await eventually(async () => (await waiting())[0], "an approval waits");
    await temporal.workflow.getHandle(workflowIds.agentSession(id)).terminate("an operator's mistake");
    await query(
      "update approval_requests set expires_at = clock_timestamp() + interval '2 seconds' where session_id = $1",
      [id],
    );
    await nudgeSession(temporal, {
      organisationId: organisation.organisationId as OrganisationId,
      sessionId: id as SessionId,
    });
    await eventually(async () => ((await waiting())[0]?.status === "expired" ? true : undefined), "it has run out");
    await sessionIn(emma, id, "idle");
    expect(tools.calls).toEqual([]);
    expect((await eventsOf(emma, id)).map(wordsOf)).toContain("That was it.");
  });
});
