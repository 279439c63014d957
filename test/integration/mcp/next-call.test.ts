import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { query } from "../../support/database.ts";
import { connectNewSdk, rawCall } from "../../support/mcp-clients.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { bearerOf, bootstrap, invoke } from "../../support/sessions.ts";

let organisation: TestOrganisation;
let metaAgentId: string;
let serverId: string;
beforeAll(async () => {
  organisation = await makeOrganisation("next");
  ({ agentId: metaAgentId, serverId } = await bootstrap(organisation.admin, organisation.root));
});

let people = 0;
function builder(): Promise<Person & { id: string }> {
  people += 1;
  return organisation.person(`emma-${people}`, { roles: [{ role: "AgentBuilder", ou: organisation.root }] });
}

/** A live client in a session of somebody's, and that session. */
async function liveClient(person: Person) {
  const sessionId = await invoke(person, metaAgentId);
  const bearer = await bearerOf(sessionId);
  return { sessionId, bearer, client: await connectNewSdk(bearer) };
}

describe("the very next call of a live client", () => {
  test("is a 403 that names permission and OU once the invoker's binding is revoked", async () => {
    const emma = await builder();
    const { admin, root } = organisation;
    const { client } = await liveClient(emma);
    expect((await client.call("create_agent", { name: "before", ou: root })).value["status"]).toBe("applied");
    const { data } = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${emma.email}`);
    for (const { id } of data) expect((await admin.send("DELETE", `/bindings/${id}`)).status).toBe(200);
    expect(await client.call("create_agent", { name: "after", ou: root })).toMatchObject({
      isError: true,
      value: { status: 403, code: "forbidden", missing: { permission: "agent:create", ou: root } },
    });
    // What was done once is not told again as done.
    expect(await client.call("create_agent", { name: "before", ou: root })).toMatchObject({
      isError: true,
      value: { status: 403, code: "forbidden", detail: expect.stringMatching(/It was done before, as request `req_/) },
    });
    const { data: agents } = await admin.get<{ data: unknown[] }>("/agents?name=after");
    expect(agents).toEqual([]);
  });

  test("is a 401 once the session has ended", async () => {
    const emma = await builder();
    const { client, sessionId, bearer } = await liveClient(emma);
    expect((await client.call("list_ous")).isError).toBe(false);
    expect((await emma.send("POST", `/sessions/${sessionId}/end`, {})).status).toBe(200);
    await expect(client.call("list_ous")).rejects.toThrow(/ended|revoked|unknown/i);
    expect((await rawCall(bearer, "list_ous")).status).toBe(401);
  });

  test("is refused once the person is suspended, and holds again when they are not", async () => {
    const emma = await builder();
    const { client, bearer } = await liveClient(emma);
    expect((await client.call("list_ous")).isError).toBe(false);
    await query("update users set status = 'suspended' where id = $1", [emma.id]);
    await expect(client.call("list_ous")).rejects.toThrow(/ended|revoked|unknown/i);
    expect((await rawCall(bearer, "list_ous")).status).toBe(401);
    await query("update users set status = 'active' where id = $1", [emma.id]);
    expect((await client.call("list_ous")).isError).toBe(false);
  });
});

describe("whose rights count", () => {
  test("the invoker's, not the owner's: an admin in an agent that Emma owns may do what Emma may not", async () => {
    const { admin, root } = organisation;
    const secret = await organisation.ou(`${root}/secret`);
    const viewer = await organisation.person("viewer", {
      roles: [
        { role: "Viewer", ou: root },
        { role: "AgentUser", ou: root },
      ],
    });
    await query("update agents set owner_id = $2 where id = $1", [metaAgentId, viewer.id]);
    const { client } = await liveClient(admin);
    const made = await client.call("create_agent", { name: "of-the-admin", ou: secret });
    expect(made.value).toMatchObject({ status: "applied", agent: { owner_email: admin.email } });
  });

  test("and the other way round: Emma in an agent that an admin owns may not do what the admin may", async () => {
    const { root } = organisation;
    const user = await organisation.person("user", { roles: [{ role: "AgentUser", ou: root }] });
    const { client } = await liveClient(user);
    expect(await client.call("create_agent", { name: "no", ou: root })).toMatchObject({
      isError: true,
      value: { status: 403, missing: { permission: "agent:create", ou: root } },
    });
    const refused = await organisation.admin.get<{ data: Record<string, unknown>[] }>("/audit?operation=agent.create");
    expect(refused.data[0]).toMatchObject({ outcome: "refused", sub: user.id, act: `agent:${metaAgentId}` });
  });
});

describe("the very next call of a live client, when what it depends on is taken away for everybody", () => {
  test("is a 401 once the agent's credential is revoked", async () => {
    const emma = await builder();
    const { admin } = organisation;
    const { client, bearer } = await liveClient(emma);
    expect((await client.call("list_ous")).isError).toBe(false);
    const agent = await admin.get<{ credentials: { id: string }[] }>(`/agents/${metaAgentId}`);
    expect((await admin.send("DELETE", `/credentials/${agent.credentials[0]?.id}`)).status).toBe(200);
    await expect(client.call("list_ous")).rejects.toThrow(/ended|revoked|unknown/i);
    expect((await rawCall(bearer, "list_ous")).status).toBe(401);
  });

  test("is a 401 once the server's registration is removed", async () => {
    await organisation.admin.make(`/agents/${metaAgentId}/credentials`, { mcp_server_id: serverId });
    const { client, bearer } = await liveClient(await builder());
    expect((await client.call("list_ous")).isError).toBe(false);
    expect((await organisation.admin.send("DELETE", `/mcp-servers/${serverId}`)).status).toBe(200);
    await expect(client.call("list_ous")).rejects.toThrow(/ended|revoked|unknown/i);
    expect((await rawCall(bearer, "list_ous")).status).toBe(401);
  });
});
