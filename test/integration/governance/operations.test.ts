import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { operations } from "../../../operations/registry.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { storeElevation, storeRuns } from "./runs-stage.ts";
import { auditAbout, call, inOrganisation, stateOf, withRole } from "./stage.ts";

interface World {
  organisation: TestOrganisation;
  root: string;
  viewer: Person;
  ids: Record<
    | "user"
    | "member"
    | "agent"
    | "doomedAgent"
    | "wiredAgent"
    | "skill"
    | "server"
    | "otherServer"
    | "doomedServer"
    | "group"
    | "binding"
    | "policy"
    | "credential"
    | "rootOu"
    | "elevation",
    string
  >;
}

async function makeWorld(label: string): Promise<World> {
  const organisation = await makeOrganisation(label);
  const { admin, root } = organisation;
  const make = async (path: string, body: Record<string, unknown>) => (await admin.make<{ id: string }>(path, body)).id;
  const person = (local: string) =>
    make("/users", { email: `${local}@${organisation.name}.test`, display_name: local, home_ou: root });
  const server = (name: string) => make("/mcp-servers", { name, ou: root, url: `https://${name}.example/mcp` });
  const agent = (name: string) => make("/agents", { name, ou: root });
  const [viewer, user, member, free, doomedAgent, wiredAgent, skill, server1, otherServer, doomedServer, group] =
    await Promise.all([
      withRole(organisation, "Viewer"),
      person("user"),
      person("member"),
      agent("free"),
      agent("doomed"),
      agent("wired"),
      make("/skills", { name: "skill", ou: root, description: "A skill", content: "# Skill" }),
      server("first"),
      server("second"),
      server("doomed"),
      make("/groups", { name: "group", ou: root }),
    ]);
  const [binding, policy] = await Promise.all([
    make("/bindings", { role: "Viewer", ou: root, user }),
    make("/approval-policies", { name: "off", ou: root, operations: ["*"], enabled: false }),
  ]);
  await admin.make(`/groups/${group}/members`, { user: member });
  await admin.make(`/agents/${wiredAgent}/skills`, { skill_id: skill });
  for (const mcp_server_id of [server1, otherServer])
    await admin.make(`/agents/${wiredAgent}/mcp-servers`, { mcp_server_id });
  const credential = await make(`/agents/${wiredAgent}/credentials`, { mcp_server_id: otherServer });
  const { rootOu, elevation } = await inOrganisation(organisation.organisationId, async (tx) => {
    const [ou] = await tx.rows<{ id: string }>("select id from ous where path = $1", [root]);
    const rootOu = ou?.id ?? "";
    const [run = ""] = await storeRuns(tx, [{ ouId: rootOu, requesterId: user, budget: { tokens: 1 } }]);
    return { rootOu, elevation: await storeElevation(tx, run) };
  });
  return {
    organisation,
    root,
    viewer,
    ids: {
      user,
      member,
      agent: free,
      doomedAgent,
      wiredAgent,
      skill,
      server: server1,
      otherServer,
      doomedServer,
      group,
      binding,
      policy,
      credential,
      rootOu,
      elevation,
    },
  };
}

type Asked = { path: string; body?: Record<string, unknown> };

/** One row for every governed mutation: what to ask, from the ids of a world. */
const rows: Record<string, (world: World) => Asked> = {
  "agent.create": ({ root }) => ({ path: "/agents", body: { name: "made", ou: root } }),
  "agent.update": ({ ids }) => ({ path: `/agents/${ids.agent}`, body: { description: "changed" } }),
  "agent.delete": ({ ids }) => ({ path: `/agents/${ids.doomedAgent}` }),
  "agent.attach_skill": ({ ids }) => ({ path: `/agents/${ids.agent}/skills`, body: { skill_id: ids.skill } }),
  "agent.detach_skill": ({ ids }) => ({ path: `/agents/${ids.wiredAgent}/skills/${ids.skill}` }),
  "agent.attach_mcp_server": ({ ids }) => ({
    path: `/agents/${ids.agent}/mcp-servers`,
    body: { mcp_server_id: ids.server },
  }),
  "credential.create": ({ ids }) => ({
    path: `/agents/${ids.wiredAgent}/credentials`,
    body: { mcp_server_id: ids.server },
  }),
  "agent.detach_mcp_server": ({ ids }) => ({ path: `/agents/${ids.wiredAgent}/mcp-servers/${ids.server}` }),
  "credential.revoke": ({ ids }) => ({ path: `/credentials/${ids.credential}` }),
  "mcp_server.register": ({ root }) => ({
    path: "/mcp-servers",
    body: { name: "made", ou: root, url: "https://made.example/mcp" },
  }),
  "mcp_server.remove": ({ ids }) => ({ path: `/mcp-servers/${ids.doomedServer}` }),
  "skill.create": ({ root }) => ({
    path: "/skills",
    body: { name: "made", ou: root, description: "Made", content: "# Made" },
  }),
  "skill.create_version": ({ ids }) => ({ path: `/skills/${ids.skill}/versions`, body: { content: "# Two" } }),
  "ou.create": ({ root }) => ({ path: "/ous", body: { name: "made", parent: root } }),
  "user.create": ({ root }) => ({
    path: "/users",
    body: { email: `made@${root.slice(1)}.test`, display_name: "Made", home_ou: root },
  }),
  "group.create": ({ root }) => ({ path: "/groups", body: { name: "made", ou: root } }),
  "group.add_member": ({ ids }) => ({ path: `/groups/${ids.group}/members`, body: { user: ids.user } }),
  "group.remove_member": ({ ids }) => ({ path: `/groups/${ids.group}/members/${ids.member}` }),
  "binding.create": ({ root, ids }) => ({ path: "/bindings", body: { role: "Auditor", ou: root, user: ids.user } }),
  "binding.delete": ({ ids }) => ({ path: `/bindings/${ids.binding}` }),
  "policy.create": ({ root }) => ({
    path: "/approval-policies",
    body: { name: "made", ou: root, operations: ["ou.create"], enabled: false },
  }),
  "policy.update": ({ ids }) => ({ path: `/approval-policies/${ids.policy}`, body: { approvals_needed: 2 } }),
  "governance.set_mode": () => ({ path: "/governance/mode", body: { mode: "READ_ONLY", reason: "A test" } }),
  "budget.set": ({ ids }) => ({
    path: `/ous/${ids.rootOu}/budget`,
    body: { tokens_limit: 1000, cost_usd_limit: null },
  }),
  "elevation.revoke": ({ ids }) => ({ path: `/elevations/${ids.elevation}` }),
};

/** Names nothing: it acts on the caller's own organisation, whichever that is. */
const namesNothing = "governance.set_mode";

describe("every governed mutation through REST", () => {
  let here: World;
  let elsewhere: World;
  beforeAll(async () => {
    [here, elsewhere] = await Promise.all([makeWorld("here"), makeWorld("elsewhere")]);
  });

  test("has a row in this table", () => {
    expect(Object.keys(rows).sort()).toEqual(operations.map((operation) => operation.name).sort());
  });

  const table = Object.entries(rows).map(([name, ask]) => ({ name, ask }));

  test.each(table)("$name is refused to a Viewer, with one entry and no change", async ({ name, ask }) => {
    const operation = operationNamed(name);
    const { path, body } = ask(here);
    const { organisationId } = here.organisation;
    const before = await stateOf(organisationId);
    const answer = await call(here.viewer, operation.http.method, path, body);
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({
      code: "forbidden",
      missing: { permission: operation.permission, ou: here.root },
      who_can_grant: [{ email: here.organisation.admin.email, role: "OrgAdmin", ou: here.root }],
    });
    expect(await stateOf(organisationId)).toBe(before);
    const entries = await auditAbout(organisationId, String(answer.body["request_id"]));
    expect(entries).toMatchObject([{ operation: name, outcome: "refused", sub: await idOf(here.viewer) }]);
  });

  test.each(table.filter(({ name }) => name !== namesNothing))(
    "$name does not find what belongs to another organisation, nor touches it",
    async ({ name, ask }) => {
      const { path, body } = ask(elsewhere);
      const before = await stateOf(elsewhere.organisation.organisationId);
      const answer = await call(here.organisation.admin, operationNamed(name).http.method, path, body);
      expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } });
      expect(await stateOf(elsewhere.organisation.organisationId)).toBe(before);
    },
  );

  test.each(table)("$name names every fault of a bad input by JSON pointer", async ({ name, ask }) => {
    const operation = operationNamed(name);
    const template = operation.http.path;
    const params = Object.fromEntries([...template.matchAll(/:(\w+)/g)].map((match) => [match[1] ?? "", "nonsense"]));
    const parsed = operation.input.safeParse(params);
    const pointers = (parsed.error?.issues ?? []).map((issue) => `/${issue.path.join("/")}`);
    expect(pointers.length).toBeGreaterThan(0);
    const bare = await call(here.organisation.admin, operation.http.method, template.replace(/:\w+/g, "nonsense"), {});
    expect(bare.status).toBe(422);
    expect(pointersIn(bare.body)).toEqual(pointers);

    const { path, body } = ask(here);
    const surprised = await call(here.organisation.admin, operation.http.method, path, { ...body, surprise: 1 });
    expect(surprised.status).toBe(422);
    expect(pointersIn(surprised.body)).toEqual(["/surprise"]);
  });

  test.each(table)("$name succeeds, answers what it declares, and leaves exactly one entry", async ({ name, ask }) => {
    const operation = operationNamed(name);
    const { path, body } = ask(here);
    const answer = await call(here.organisation.admin, operation.http.method, path, body);
    expect([answer.status, answer.body["detail"]]).toEqual([operation.http.status, undefined]);
    // What the declaration does not name would be stripped here: nothing undeclared is answered.
    expect(operation.output.parse(answer.body)).toEqual(answer.body);
    const entries = await auditAbout(
      here.organisation.organisationId,
      answer.headers.get("powerloom-request-id") ?? "none",
    );
    expect(entries).toMatchObject([{ operation: name, outcome: "applied", sub: await idOf(here.organisation.admin) }]);
    expect(entries[0]?.body.rule).toMatch(/^binding:/);
  });

  test("after all of them the chain is intact", async () => {
    expect(await here.organisation.admin.get("/audit/verify")).toMatchObject({ intact: true, position: null });
  });
});

describe("who has no rights somewhere learns nothing about it from a refusal", () => {
  test("a taken name, an email in use, a wrong version: all are the same 403 as a free one", async () => {
    const organisation = await makeOrganisation("quiet");
    const { admin, root } = organisation;
    const agent = await admin.make<{ id: string }>("/agents", { name: "secret", ou: root });
    const nobody = await organisation.person("nobody");
    for (const [method, path, body, headers] of [
      ["POST", "/agents", { name: "secret", ou: root }, {}],
      ["POST", "/agents", { name: "free", ou: root, owner: "stranger@nowhere.test" }, {}],
      ["POST", "/users", { email: admin.email, display_name: "Again", home_ou: root }, {}],
      ["POST", "/bindings", { role: "OrgAdmin", ou: root, user: admin.email }, {}],
      ["PATCH", `/agents/${agent.id}`, { description: "x" }, { "If-Match": '"99"' }],
    ] as const) {
      const answer = await call(nobody, method, path, body, headers);
      expect([method, path, answer.status]).toEqual([method, path, 403]);
      expect(JSON.stringify(answer.body)).not.toContain(agent.id);
    }
  });
});

function operationNamed(name: string) {
  const operation = operations.find((candidate) => candidate.name === name);
  if (operation === undefined) throw new Error(`no operation ${name}`);
  return operation;
}

async function idOf(person: Person): Promise<string> {
  return (await person.get<{ principal_id: string }>("/me")).principal_id;
}

function pointersIn(body: Record<string, unknown>): string[] {
  return (body["errors"] as { pointer: string }[]).map((error) => error.pointer);
}
