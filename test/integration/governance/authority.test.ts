import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { call, expireBindingsOf, stateOf, withRole } from "./stage.ts";

let organisation: TestOrganisation;
let admin: Person;
let root: string;
let part: string;
beforeAll(async () => {
  organisation = await makeOrganisation("rights");
  ({ admin, root } = organisation);
  part = await organisation.ou(`${root}/part`);
});

async function refused(
  person: Person,
  method: string,
  path: string,
  body?: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const before = await stateOf(organisation.organisationId);
  const answer = await call(person, method, path, body);
  expect([method, path, answer.status]).toEqual([method, path, 403]);
  expect(await stateOf(organisation.organisationId)).toBe(before);
  return answer.body;
}

describe("nobody makes themselves more than they are", () => {
  test("an OUAdmin hands out no role with more rights than their own, an AgentBuilder none at all", async () => {
    const ouAdmin = await withRole(organisation, "OUAdmin", "local", part);
    const builder = await withRole(organisation, "AgentBuilder", "builder", part);
    const friend = await organisation.person("friend");
    for (const role of ["OrgAdmin", "Approver", "Auditor"]) {
      await refused(ouAdmin, "POST", "/bindings", { role, ou: part, user: ouAdmin.email });
      await refused(ouAdmin, "POST", "/bindings", { role, ou: part, user: friend.email });
    }
    // Their own role is theirs in their own part only.
    expect(await refused(ouAdmin, "POST", "/bindings", { role: "Viewer", ou: root, user: friend.email })).toMatchObject(
      {
        missing: { permission: "binding:create", ou: root },
      },
    );
    expect((await call(ouAdmin, "POST", "/bindings", { role: "OUAdmin", ou: part, user: friend.email })).status).toBe(
      201,
    );
    await refused(builder, "POST", "/bindings", { role: "AgentUser", ou: part, user: builder.email });
  });

  test("nor through a group that carries the role, nor through a group inside it", async () => {
    const ouAdmin = await withRole(organisation, "OUAdmin", "joiner", part);
    const make = (name: string) => admin.make<{ id: string }>("/groups", { name, ou: part });
    const [carrier, inner, plain] = await Promise.all([make("carrier"), make("inner"), make("plain")]);
    await admin.make("/bindings", { role: "OrgAdmin", ou: root, group_id: carrier.id });
    await admin.make(`/groups/${carrier.id}/members`, { member_group_id: inner.id });

    await refused(ouAdmin, "POST", `/groups/${carrier.id}/members`, { user: ouAdmin.email });
    await refused(ouAdmin, "POST", `/groups/${inner.id}/members`, { user: ouAdmin.email });
    await refused(ouAdmin, "POST", `/groups/${carrier.id}/members`, { member_group_id: plain.id });
    expect((await call(ouAdmin, "POST", `/groups/${plain.id}/members`, { user: ouAdmin.email })).status).toBe(201);
    await refused(ouAdmin, "POST", `/groups/${inner.id}/members`, { member_group_id: plain.id });
    await refused(ouAdmin, "POST", "/bindings", { role: "OrgAdmin", ou: part, group_id: plain.id });
    // Nor do they unseat those above: taking away needs what giving needs.
    await admin.make(`/groups/${carrier.id}/members`, { user: admin.email });
    const { principal_id } = await admin.get<{ principal_id: string }>("/me");
    await refused(ouAdmin, "DELETE", `/groups/${carrier.id}/members/${principal_id}`);
    const bindings = await admin.get<{ data: { id: string; role: string }[] }>(`/bindings?user=${admin.email}`);
    await refused(ouAdmin, "DELETE", `/bindings/${bindings.data[0]?.id}`);
  });

  test("nor by policies: only an OrgAdmin makes or changes them", async () => {
    const ouAdmin = await withRole(organisation, "OUAdmin", "lawless", part);
    const policy = await admin.make<{ id: string }>("/approval-policies", {
      name: "law",
      ou: part,
      operations: ["ou.create"],
      enabled: false,
    });
    await refused(ouAdmin, "POST", "/approval-policies", { name: "own", ou: part, operations: ["*"] });
    await refused(ouAdmin, "PATCH", `/approval-policies/${policy.id}`, { approvals_needed: 3 });
    expect(await admin.get(`/approval-policies/${policy.id}`)).toMatchObject({ approvals_needed: 1, version: 1 });
  });

  test("nor by a circle of groups", async () => {
    const make = (name: string) => admin.make<{ id: string }>("/groups", { name, ou: root });
    const [a, b, c] = await Promise.all([make("ring-a"), make("ring-b"), make("ring-c")]);
    await admin.make(`/groups/${a.id}/members`, { member_group_id: b.id });
    await admin.make(`/groups/${b.id}/members`, { member_group_id: c.id });
    for (const [outer, inner] of [
      [c, a],
      [b, a],
      [a, a],
    ] as const)
      expect((await call(admin, "POST", `/groups/${outer.id}/members`, { member_group_id: inner.id })).status).toBe(
        409,
      );
  });
});

describe("an organisation keeps a lasting OrgAdmin at its root", () => {
  type Bindings = { data: { id: string; role: string; ou_path: string }[] };

  test("the last one is not unbound, nor taken from the group they hold it through; the last but one is", async () => {
    const lonely = await makeOrganisation("lonely");
    const { principal_id } = await lonely.admin.get<{ principal_id: string }>("/me");
    const own = (await lonely.admin.get<Bindings>(`/bindings?user=${lonely.admin.email}`)).data[0]?.id;
    const unbind = () => call(lonely.admin, "DELETE", `/bindings/${own}`);
    expect((await unbind()).status).toBe(409);

    // One whose role runs out does not count: the organisation would be left alone at that moment.
    const soon = await lonely.person("soon");
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    await lonely.admin.make("/bindings", { role: "OrgAdmin", ou: lonely.root, user: soon.email, expires_at });
    const part = await lonely.ou(`${lonely.root}/part`);
    await withRole(lonely, "OrgAdmin", "partial", part);
    const suspended = await withRole(lonely, "OrgAdmin", "suspended");
    await asSuperuser((sql) => sql.query("update users set status = 'suspended' where id = $1", [suspended.id]));
    expect((await unbind()).status).toBe(409);

    const group = await lonely.admin.make<{ id: string }>("/groups", { name: "admins", ou: lonely.root });
    await lonely.admin.make("/bindings", { role: "OrgAdmin", ou: lonely.root, group_id: group.id });
    expect((await unbind()).status).toBe(409);
    await lonely.admin.make(`/groups/${group.id}/members`, { user: lonely.admin.email });
    expect((await unbind()).status).toBe(200);
    expect((await call(lonely.admin, "DELETE", `/groups/${group.id}/members/${principal_id}`)).status).toBe(409);
    const through = (await lonely.admin.get<Bindings>("/bindings")).data.find(
      (binding) => binding.role === "OrgAdmin" && binding.ou_path === lonely.root,
    );
    expect(through).toBeDefined();

    const heir = await lonely.person("heir");
    await lonely.admin.make("/bindings", { role: "OrgAdmin", ou: lonely.root, user: heir.email });
    expect((await call(lonely.admin, "DELETE", `/groups/${group.id}/members/${principal_id}`)).status).toBe(200);
    expect((await call(lonely.admin, "POST", "/groups", { name: "no-more", ou: lonely.root })).status).toBe(403);
  });

  test("two admins who unbind each other at the same moment do not both succeed", async () => {
    const pair = await makeOrganisation("pair");
    const second = await withRole(pair, "OrgAdmin", "second");
    const find = async (email: string) => (await pair.admin.get<Bindings>(`/bindings?user=${email}`)).data[0]?.id;
    const [first, other] = [await find(pair.admin.email), await find(second.email)];
    const answers = await Promise.all([
      call(pair.admin, "DELETE", `/bindings/${other}`),
      call(second, "DELETE", `/bindings/${first}`),
    ]);
    const statuses = answers.map((answer) => answer.status).sort((a, b) => a - b);
    expect(statuses[0]).toBe(200);
    expect([403, 409]).toContain(statuses[1]);
  });
});

describe("a binding that expires", () => {
  test("grants until then, nothing after, and can be given anew", async () => {
    const person = await organisation.person("temp");
    const give = (milliseconds: number) =>
      call(admin, "POST", "/bindings", {
        role: "OUAdmin",
        ou: part,
        user: person.email,
        expires_at: new Date(Date.now() + milliseconds).toISOString(),
      });
    expect((await give(-1)).status).toBe(422);
    expect((await give(60_000)).status).toBe(201);
    expect((await give(90_000)).status).toBe(409);
    expect((await call(person, "POST", "/groups", { name: "in-time", ou: part })).status).toBe(201);
    await expireBindingsOf(person);
    await refused(person, "POST", "/groups", { name: "too-late", ou: part });
    expect((await give(60_000)).status).toBe(201);
    expect((await call(person, "POST", "/groups", { name: "again", ou: part })).status).toBe(201);
  });
});

describe("the control plane's own server, powerloom_meta", () => {
  test("is registered, attached, and its agents changed by an OrgAdmin alone", async () => {
    const ouAdmin = await withRole(organisation, "OUAdmin", "wirer", part);
    const server = { name: "meta", ou: part, url: "https://meta.example/mcp", deployment: "shared" };
    await refused(ouAdmin, "POST", "/mcp-servers", server);
    const meta = await admin.make<{ id: string }>("/mcp-servers", server);
    const agent = await ouAdmin.make<{ id: string }>("/agents", { name: "wannabe", ou: part });
    const skill = await ouAdmin.make<{ id: string }>("/skills", {
      name: "sk",
      ou: part,
      description: "S",
      content: "#",
    });
    await ouAdmin.make(`/agents/${agent.id}/skills`, { skill_id: skill.id });
    const needs = { missing: { permission: "organisation:administer", ou: part } };

    const wiring = { mcp_server_id: meta.id };
    expect(await refused(ouAdmin, "POST", `/agents/${agent.id}/mcp-servers`, wiring)).toMatchObject(needs);
    await admin.make(`/agents/${agent.id}/mcp-servers`, wiring);
    expect(await refused(ouAdmin, "POST", `/agents/${agent.id}/credentials`, wiring)).toMatchObject(needs);
    const credential = await admin.make<{ id: string; kind: string }>(`/agents/${agent.id}/credentials`, wiring);
    expect(credential).toMatchObject({ kind: "session_bound", expires_at: null });
    expect(credential).not.toHaveProperty("secret");

    const another = await ouAdmin.make<{ id: string }>("/mcp-servers", {
      name: "plain",
      ou: part,
      url: "https://p.example/mcp",
    });
    for (const [method, path, body] of [
      ["PATCH", `/agents/${agent.id}`, { system_prompt: "Obey me" }],
      ["DELETE", `/agents/${agent.id}`, undefined],
      ["POST", `/agents/${agent.id}/skills`, { skill_id: skill.id }],
      ["DELETE", `/agents/${agent.id}/skills/${skill.id}`, undefined],
      ["POST", `/agents/${agent.id}/mcp-servers`, { mcp_server_id: another.id }],
      ["DELETE", `/agents/${agent.id}/mcp-servers/${meta.id}`, undefined],
      ["DELETE", `/credentials/${credential.id}`, undefined],
      ["DELETE", `/mcp-servers/${meta.id}`, undefined],
    ] as const) {
      const answer = await call(ouAdmin, method, path, body);
      // Attaching what is attached conflicts whoever asks; everything else is refused for the missing right.
      expect([403, 409]).toContain(answer.status);
    }
    expect(await admin.get(`/agents/${agent.id}`)).toMatchObject({
      system_prompt: "",
      mcp_servers: ["meta"],
      skills: ["sk"],
    });
    expect((await call(admin, "PATCH", `/agents/${agent.id}`, { system_prompt: "Help" })).status).toBe(200);
    expect((await call(admin, "DELETE", `/mcp-servers/${meta.id}`)).status).toBe(200);
    // Without it the agent is one like any other again.
    expect((await call(ouAdmin, "PATCH", `/agents/${agent.id}`, { system_prompt: "Obey me" })).status).toBe(200);
  });

  test("of a sibling OU cannot be wired by guessing its id", async () => {
    const other = await organisation.ou(`${root}/other`);
    const builder = await withRole(organisation, "AgentBuilder", "guesser", part);
    const server = await admin.make<{ id: string }>("/mcp-servers", {
      name: "theirs",
      ou: other,
      url: "https://t.example/mcp",
    });
    const skill = await admin.make<{ id: string }>("/skills", {
      name: "theirs",
      ou: other,
      description: "T",
      content: "#",
    });
    const agent = await builder.make<{ id: string }>("/agents", { name: "guess", ou: part });
    await refused(builder, "POST", `/agents/${agent.id}/mcp-servers`, { mcp_server_id: server.id });
    await refused(builder, "POST", `/agents/${agent.id}/skills`, { skill_id: skill.id });
    expect((await call(admin, "POST", `/agents/${agent.id}/skills`, { skill_id: skill.id })).status).toBe(201);
  });
});
