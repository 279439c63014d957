import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { auditOf, call, expireBindingsOf, withRole } from "./stage.ts";

type Page = { data: Record<string, unknown>[]; next_cursor: string | null };
const unknown = "01890000-0000-7000-8000-000000000000";

describe("lists", () => {
  let organisation: TestOrganisation;
  beforeAll(async () => {
    organisation = await makeOrganisation("pages");
    const { admin, root } = organisation;
    for (let round = 0; round < 12; round += 1) await admin.make("/groups", { name: `group-${round}`, ou: root });
    const skill = await admin.make<{ id: string }>("/skills", { name: "s", ou: root, description: "S", content: "1" });
    for (let version = 2; version <= 7; version += 1)
      await admin.make(`/skills/${skill.id}/versions`, { content: "x" });
  });

  async function walk(path: string, limit: number): Promise<Record<string, unknown>[]> {
    const rows: Record<string, unknown>[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Page = await organisation.admin.get(
        `${path}?limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      expect(page.data.length).toBeLessThanOrEqual(limit);
      rows.push(...page.data);
      cursor = page.next_cursor;
    }
    return rows;
  }

  test.each([1, 5, 12, 200])("show every row once, whatever the page size (%i)", async (limit) => {
    const rows = await walk("/groups", limit);
    expect(rows.map((row) => row["name"])).toEqual(Array.from({ length: 12 }, (_, round) => `group-${round}`));
  });

  test("of requests go from the newest to the oldest, every one once", async () => {
    const rows = await walk("/requests", 4);
    expect(new Set(rows.map((row) => row["id"])).size).toBe(rows.length);
    const times = rows.map((row) => String(row["created_at"]));
    expect(times).toEqual([...times].sort().reverse());
    expect(rows).toHaveLength(19);
  });

  test("of a skill's versions can be walked too", async () => {
    const skill = (await organisation.admin.get<Page>("/skills")).data[0];
    const rows = await walk(`/skills/${String(skill?.["id"])}/versions`, 3);
    expect(rows.map((row) => row["version"])).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  test("refuse a cursor that is not theirs, and a limit out of bounds", async () => {
    const encoded = (text: string) => Buffer.from(text).toString("base64url");
    const skill = (await organisation.admin.get<Page>("/skills")).data[0];
    for (const cursor of [
      "nonsense",
      encoded("abc"),
      encoded("' or true --"),
      encoded(`req_${"0".repeat(32)}`),
      "%00",
      "",
    ])
      for (const path of ["/groups", "/agents", `/skills/${String(skill?.["id"])}/versions`]) {
        const answer = await call(organisation.admin, "GET", `${path}?cursor=${cursor}`);
        expect([path, cursor, answer.status]).toEqual([path, cursor, 400]);
      }
    expect((await call(organisation.admin, "GET", `/requests?cursor=${encoded("' or true --")}`)).status).toBe(400);
    for (const limit of ["0", "201", "-1", "x"])
      expect((await call(organisation.admin, "GET", `/groups?limit=${limit}`)).status).toBe(422);
    expect((await call(organisation.admin, "GET", "/groups?surprise=1")).status).toBe(422);
  });

  test("take what PostgreSQL cannot store as a fault of the request", async () => {
    expect((await call(organisation.admin, "GET", "/users?email=%00")).status).toBe(422);
    expect((await call(organisation.admin, "GET", "/requests/%00")).status).toBe(422);
    const url = "http://a.example/\u0000";
    const body = { name: "nul", ou: organisation.root, url };
    expect((await call(organisation.admin, "POST", "/mcp-servers", body)).status).toBe(422);
  });
});

describe("what a reader sees", () => {
  let organisation: TestOrganisation;
  let sales: string;
  let hr: string;
  let reader: Person;
  const made: Record<string, string> = {};
  beforeAll(async () => {
    organisation = await makeOrganisation("sight");
    const { admin, root } = organisation;
    sales = await organisation.ou(`${root}/sales`);
    hr = await organisation.ou(`${root}/hr`);
    reader = await withRole(organisation, "Viewer", "reader", sales);
    const make = async (name: string, path: string, body: Record<string, unknown>) => {
      made[name] = (await admin.make<{ id: string }>(path, body)).id;
    };
    for (const [place, ou] of [
      ["root", root],
      ["sales", sales],
      ["hr", hr],
    ] as const) {
      await make(`agent-${place}`, "/agents", { name: place, ou });
      await make(`skill-${place}`, "/skills", { name: place, ou, description: place, content: "#" });
      await make(`server-${place}`, "/mcp-servers", { name: place, ou, url: `https://${place}.example/mcp` });
      await make(`group-${place}`, "/groups", { name: place, ou });
      await make(`policy-${place}`, "/approval-policies", {
        name: place,
        ou,
        operations: ["ou.create"],
        enabled: false,
      });
      await make(`user-${place}`, "/users", {
        email: `${place}-person@${organisation.name}.test`,
        display_name: place,
        home_ou: ou,
      });
      await make(`binding-${place}`, "/bindings", { role: "AgentUser", ou, user: made[`user-${place}`] });
    }
    // Somebody at home in sales with a role and a group elsewhere.
    await make("binding-far", "/bindings", { role: "Auditor", ou: hr, user: made["user-sales"] });
    await admin.make(`/groups/${made["group-hr"]}/members`, { user: made["user-sales"] });
  });

  const lists: [kind: string, path: string, above: boolean][] = [
    ["agent", "/agents", false],
    ["group", "/groups", false],
    ["policy", "/approval-policies", false],
    ["binding", "/bindings", false],
    ["user", "/users", false],
    ["skill", "/skills", true],
    ["server", "/mcp-servers", true],
  ];

  test.each(lists)(
    "of each %s is what lies in their OU; what an OU above offers, for skills and servers alone",
    async (kind, path, above) => {
      const ids = new Set((await reader.get<Page>(`${path}?limit=200`)).data.map((row) => row["id"]));
      expect(ids.has(made[`${kind}-sales`])).toBe(true);
      expect(ids.has(made[`${kind}-root`])).toBe(above);
      expect(ids.has(made[`${kind}-hr`])).toBe(false);
      expect((await call(reader, "GET", `${path}/${made[`${kind}-sales`]}`)).status).toBe(200);
      expect((await call(reader, "GET", `${path}/${made[`${kind}-root`]}`)).status).toBe(above ? 200 : 404);
      const absent = await call(reader, "GET", `${path}/${unknown}`);
      const invisible = await call(reader, "GET", `${path}/${made[`${kind}-hr`]}`);
      expect([absent.status, invisible.status]).toEqual([404, 404]);
      const { detail: one, ...restOne } = absent.body;
      const { detail: other, ...restOther } = invisible.body;
      expect(restOther).toEqual(restOne);
      expect(String(other).replace(made[`${kind}-hr`] ?? "", "")).toBe(String(one).replace(unknown, ""));
    },
  );

  test("narrowing to an OU out of sight is the same 404 as to an unknown one", async () => {
    const [outOfSight, absent] = await Promise.all([
      call(reader, "GET", `/agents?ou=${hr}`),
      call(reader, "GET", `/agents?ou=${organisation.root}/none`),
    ]);
    expect([outOfSight.status, absent.status]).toEqual([404, 404]);
    expect((await reader.get<Page>(`/agents?ou=${sales}`)).data.map((row) => row["name"])).toEqual(["sales"]);
  });

  test("of a person leaves out roles and groups where the reader may not look, but nobody's own", async () => {
    type Seen = { roles: { binding_id: string }[]; groups: { id: string }[] };
    const seen = await reader.get<Seen>(`/users/${made["user-sales"]}`);
    expect(seen.roles.map((role) => role.binding_id)).toEqual([made["binding-sales"]]);
    expect(seen.groups).toEqual([]);
    const full = await organisation.admin.get<Seen>(`/users/${made["user-sales"]}`);
    expect(full.roles.map((role) => role.binding_id).sort()).toEqual(
      [made["binding-far"], made["binding-sales"]].map(String).sort(),
    );
    expect(full.groups.map((group) => group.id)).toEqual([made["group-hr"]]);
  });

  test("of an unknown email is the seed's sentence, for an invisible person just the same", async () => {
    for (const email of ["ghost@nowhere.test", `hr-person@${organisation.name}.test`]) {
      const answer = await call(reader, "GET", `/users/${encodeURIComponent(email)}`);
      expect(answer.status).toBe(404);
      expect(answer.body["detail"]).toBe(
        `No user found with email \`${email}\`. Check the email address and try again.`,
      );
    }
  });

  test("of requests is their own and those where they hold request:read; never another organisation's", async () => {
    const builder = await withRole(organisation, "AgentBuilder", "builder", sales);
    const asked = await call(builder, "POST", "/agents", { name: "built", ou: sales });
    const id = asked.headers.get("powerloom-request-id") ?? "";
    const watcher = await withRole(organisation, "Auditor", "watcher", sales);
    const stranger = await makeOrganisation("stranger");
    expect((await call(builder, "GET", `/requests/${id}`)).status).toBe(200);
    expect((await call(watcher, "GET", `/requests/${id}`)).status).toBe(200);
    expect((await call(reader, "GET", `/requests/${id}`)).status).toBe(404);
    expect((await call(stranger.admin, "GET", `/requests/${id}`)).status).toBe(404);
  });
});

describe("why somebody may, or may not", () => {
  let organisation: TestOrganisation;
  let sales: string;
  beforeAll(async () => {
    organisation = await makeOrganisation("why");
    sales = await organisation.ou(`${organisation.root}/sales`);
  });
  const explain = (person: Person, permission: string, ou: string, principal?: string) =>
    call(
      person,
      "GET",
      `/authority/explain?permission=${permission}&ou=${ou}${principal === undefined ? "" : `&principal=${principal}`}`,
    );

  test("allowed by a binding of one's own, from an OU above, by operation name or permission", async () => {
    const builder = await withRole(organisation, "AgentBuilder");
    for (const asked of ["agent.create", "agent:create"])
      expect((await explain(builder, asked, sales)).body).toMatchObject({
        effect: "allow",
        permission: "agent:create",
        reason: `AgentBuilder on ${organisation.root}`,
        binding_id: expect.any(String),
        who_can_grant: [],
      });
  });

  test("allowed through a group inside a group, which it names", async () => {
    const { admin, root } = organisation;
    const person = await organisation.person("nested");
    const [outer, inner] = await Promise.all(
      ["outer", "inner"].map((name) => admin.make<{ id: string }>("/groups", { name, ou: root })),
    );
    await admin.make(`/groups/${outer?.id}/members`, { member_group_id: inner?.id });
    await admin.make(`/groups/${inner?.id}/members`, { user: person.email });
    expect((await explain(person, "agent:create", sales)).body["effect"]).toBe("deny");
    await admin.make("/bindings", { role: "AgentBuilder", ou: sales, group_id: outer?.id });
    expect((await explain(person, "agent:create", sales)).body).toMatchObject({
      effect: "allow",
      reason: `AgentBuilder on ${sales} through group outer`,
    });
    expect((await call(person, "POST", "/agents", { name: "through-groups", ou: sales })).status).toBe(201);
    await call(admin, "DELETE", `/groups/${outer?.id}/members/${inner?.id}`);
    expect((await explain(person, "agent:create", sales)).body["effect"]).toBe("deny");
    expect((await call(person, "POST", "/agents", { name: "no-more", ou: sales })).status).toBe(403);
  });

  test("denied, with those who could grant just this", async () => {
    const local = await withRole(organisation, "OUAdmin", "local", sales);
    const nobody = await organisation.person("nobody");
    const creating = await explain(nobody, "agent:create", sales);
    expect(creating.body).toMatchObject({ effect: "deny", rule: "no-binding", binding_id: null });
    expect(emails(creating.body)).toEqual([organisation.admin.email, local.email].sort());
    // An OUAdmin cannot hand out what they do not hold.
    expect(emails((await explain(nobody, "policy:create", sales)).body)).toEqual([organisation.admin.email]);
  });

  test("denied because the binding has expired", async () => {
    const person = await organisation.person("past");
    await organisation.admin.make("/bindings", { role: "AgentBuilder", ou: sales, user: person.email });
    await expireBindingsOf(person);
    expect((await explain(person, "agent:create", sales)).body).toMatchObject({
      effect: "deny",
      rule: "binding-expired",
    });
  });

  test("is told about others only to those who may see bindings there, and about strangers to nobody else", async () => {
    const user = await withRole(organisation, "AgentUser", "plain");
    const viewer = await withRole(organisation, "Viewer", "viewing");
    expect((await explain(viewer, "agent:create", sales, user.email)).body).toMatchObject({
      effect: "deny",
      principal: user.email,
    });
    for (const principal of [viewer.email, "ghost@nowhere.test"])
      expect((await explain(user, "agent:create", sales, principal)).status).toBe(403);
    expect((await explain(viewer, "agent:create", sales, "ghost@nowhere.test")).status).toBe(404);
    expect((await explain(viewer, "agent.fly", sales)).status).toBe(422);
    expect((await explain(viewer, "agent:create", `${sales}/none`)).status).toBe(404);
  });
});

describe("the audit trail", () => {
  test("is read by auditors of the whole organisation alone; asking without the right is an entry", async () => {
    const organisation = await makeOrganisation("trail");
    const ou = await organisation.ou(`${organisation.root}/part`);
    const [auditor, partial] = await Promise.all([
      withRole(organisation, "Auditor", "auditor"),
      withRole(organisation, "Auditor", "partial", ou),
    ]);
    for (const path of ["/audit", "/audit/verify"]) {
      expect((await call(auditor, "GET", path)).status).toBe(200);
      expect((await call(partial, "GET", path)).status).toBe(403);
    }
    const refusals = (await auditOf(organisation.organisationId)).filter((entry) => entry.outcome === "refused");
    expect(refusals.map((entry) => entry.operation)).toEqual(["audit.list", "audit.verify"]);
    const page = await auditor.get<Page>("/audit?limit=2");
    const next = await auditor.get<Page>(`/audit?limit=2&before=${String(page.data[1]?.["position"])}`);
    const positions = [...page.data, ...next.data].map((row) => Number(row["position"]));
    expect(positions).toEqual([0, 1, 2, 3].map((step) => Number(positions[0]) - step));
  });
});

function emails(body: Record<string, unknown>): string[] {
  return (body["who_can_grant"] as { email: string }[]).map((granter) => granter.email).sort();
}

test("a suspended person is refused everywhere at once", async () => {
  const organisation = await makeOrganisation("suspended");
  const person = await withRole(organisation, "OrgAdmin", "soon-gone");
  expect((await call(person, "GET", "/me")).status).toBe(200);
  await asSuperuser((sql) => sql.query("update users set status = 'suspended' where id = $1", [person.id]));
  for (const [method, path] of [
    ["GET", "/me"],
    ["GET", "/agents"],
    ["POST", "/agents"],
    ["GET", "/events"],
  ] as const)
    expect(
      (await call(person, method, path, method === "POST" ? { name: "x", ou: organisation.root } : undefined)).status,
    ).toBe(403);
  // As owner of something new, neither.
  const answer = await call(organisation.admin, "POST", "/agents", {
    name: "x",
    ou: organisation.root,
    owner: person.email,
  });
  expect(answer.status).toBe(422);
  const agent = await organisation.admin.make<{ id: string }>("/agents", { name: "y", ou: organisation.root });
  expect((await call(organisation.admin, "PATCH", `/agents/${agent.id}`, { owner: person.email })).status).toBe(422);
});
