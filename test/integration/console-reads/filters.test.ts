import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { storeRuns } from "../governance/runs-stage.ts";
import { askForApproval, call, inOrganisation, withRole } from "../governance/stage.ts";

type Page = { data: { id: string }[]; next_cursor: string | null };
const unknown = "01890000-0000-7000-8000-000000000000";

let organisation: TestOrganisation;
let stranger: TestOrganisation;
/** Somebody of the organisation without any right. */
let nobody: Person;
let builder: Person & { id: string };
let sales: string;
/** Ids by the names they were given below. */
const made: Record<string, string> = {};

beforeAll(async () => {
  [organisation, stranger] = (await Promise.all(
    ["filters", "filters-other"].map((name) => makeOrganisation(name)),
  )) as [TestOrganisation, TestOrganisation];
  const { admin, root, organisationId } = organisation;
  sales = await organisation.ou(`${root}/sales`);
  nobody = await organisation.person("nobody");
  builder = await withRole(organisation, "AgentBuilder", "builder");
  const make = async (name: string, path: string, body: Record<string, unknown>, as: Person = admin) => {
    made[name] = (await as.make<{ id: string }>(path, body)).id;
    return made[name];
  };
  await make("server", "/mcp-servers", { name: "crm", ou: root, url: "https://crm.example/Mcp", display_name: "CRM" });
  await make("other-server", "/mcp-servers", { name: "wiki", ou: root, url: "https://wiki.example/mcp" });
  await make("skill", "/skills", { name: "tone", ou: root, description: "How we Write letters", content: "#" });
  await make("other-skill", "/skills", { name: "sums", ou: root, description: "Adding up", content: "#" });
  await make("writer", "/agents", { name: "writer", ou: sales, display_name: "Letter 100% writer" });
  await make("counter", "/agents", { name: "counter", ou: root, kind: "service" }, builder);
  await admin.make(`/agents/${made["counter"]}/mcp-servers`, { mcp_server_id: made["server"] });
  await make("group", "/groups", { name: "sellers", ou: sales, display_name: "Who Sells" });
  await make("other-group", "/groups", { name: "makers", ou: root });
  await make("by-group", "/bindings", { role: "AgentUser", ou: sales, group_id: made["group"] });
  await make("by-user", "/bindings", { role: "Auditor", ou: sales, user: nobody.email });
  await call(admin, "DELETE", `/bindings/${made["by-user"]}`);
  await make("by-user", "/bindings", { role: "AgentUser", ou: sales, user: builder.email });
  await make("policy", "/approval-policies", {
    name: "careful",
    ou: root,
    operations: ["ou.create", "agent.create"],
    approver_role: "OrgAdmin",
  });
  made["ou-request"] = (await askForApproval(admin, "/ous", { parent: sales, name: "north" })).id;
  made["agent-request"] = (await askForApproval(builder, "/agents", { name: "pending-one", ou: root })).id;
  await inOrganisation(organisationId, async (tx) => {
    const [ou] = await tx.rows<{ id: string }>("select id from ous where path = $1", [root]);
    const asked = { ouId: ou?.id ?? "", budget: {} };
    const { principal_id: requesterId } = await admin.get<{ principal_id: string }>("/me");
    [made["run"] = "", made["other-run"] = ""] = await storeRuns(tx, [
      { ...asked, requesterId },
      { ...asked, requesterId: builder.id },
    ]);
    await tx.run("update agent_runs set input_summary = 'Mend the Roof', status = 'failed' where id = $1", [
      made["run"],
    ]);
    for (const [name, status, invoker] of [
      ["session", "ended", requesterId],
      ["other-session", "failed", builder.id],
    ] as const) {
      made[name] = v7();
      await tx.run(
        `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, status, idle_timeout_seconds, body_digest,
           ended_at, cleaned_at) values ($1, $2, $3, $4, '', $5, 10, '', clock_timestamp(), clock_timestamp())`,
        [made[name], organisationId, made["counter"], invoker, status],
      );
    }
  });
});

/** What each narrows a list to, of everything that was made. `%name` stands for an id. */
const filters: [path: string, query: string, found: string[]][] = [
  ["/agents", "kind=service", ["counter"]],
  ["/agents", "q=100%25", ["writer"]],
  ["/agents", "q=LETTER", ["writer"]],
  ["/agents", "q=builder@", ["counter"]],
  ["/agents", "q=_", []],
  ["/agents", "mcp_server=%server", ["counter"]],
  ["/agents", "mcp_server=%other-server", []],
  ["/agents", "owner=builder@", ["counter"]],
  ["/agents", "owner=%builder", ["counter"]],
  ["/agents", `owner=${unknown}`, []],
  ["/agents", "kind=service&q=writer", []],
  ["/users", "q=BUILD", ["builder"]],
  ["/users", "q=nothing-like-it", []],
  ["/groups", "q=who%20sells", ["group"]],
  ["/groups", "q=maker", ["other-group"]],
  ["/skills", "q=write", ["skill"]],
  ["/skills", "q=sums", ["other-skill"]],
  ["/mcp-servers", "q=EXAMPLE/mcp", ["server", "other-server"]],
  ["/mcp-servers", "q=crm", ["server"]],
  ["/bindings", "group=%group", ["by-group"]],
  ["/bindings", "group=%other-group", []],
  ["/bindings", "role=AgentUser", ["by-group", "by-user"]],
  ["/bindings", "role=AgentUser&user=builder@", ["by-user"]],
  ["/requests", "operation=agent.create&status=pending_approval", ["agent-request"]],
  ["/requests", "requester=builder@&status=pending_approval", ["agent-request"]],
  ["/requests", "q=NORTH", ["ou-request"]],
  ["/requests", "q=pending-one", ["agent-request"]],
  ["/requests", "target=agent:%unknown", []],
  ["/approvals", "operation=ou.create", ["ou-request"]],
  ["/approvals", "kind=operation", ["ou-request", "agent-request"]],
  ["/approvals", "kind=budget", []],
  ["/approvals", "requester=%builder", ["agent-request"]],
  ["/approvals", "q=north", ["ou-request"]],
  ["/approvals", "q=Builder@", ["agent-request"]],
  ["/approvals", "mine=true", ["agent-request"]],
  ["/runs", "q=roof", ["run"]],
  ["/runs", "requester=builder@", ["other-run"]],
  ["/runs", "agent=staged", ["run", "other-run"]],
  ["/runs", "agent=planner", []],
  ["/runs", "status=failed", ["run"]],
  ["/sessions", "status=failed", ["other-session"]],
  ["/sessions", "invoker=builder@", ["other-session"]],
  ["/sessions", "agent_id=%counter&status=ended", ["session"]],
  ["/sessions", "agent_id=%writer", []],
];

const filled = (query: string) =>
  query
    .replaceAll("%builder", builder.id)
    .replaceAll("%unknown", unknown)
    .replace(/%([a-z][a-z-]+)/g, (whole, name: string) => made[name] ?? whole)
    .replaceAll("builder@", `builder@${organisation.name}.test`);

describe("a filter", () => {
  test.each(filters)(
    "%s?%s finds what it names, here alone, and only for those who may see it",
    async (path, query, found) => {
      const asked = `${path}?limit=200&${filled(query)}`;
      const page = await organisation.admin.get<Page>(asked);
      const wanted = found.map((name) => (name === "builder" ? builder.id : (made[name] ?? "")));
      expect(page.data.map(({ id }) => id).toSorted()).toEqual(wanted.toSorted());
      expect((await stranger.admin.get<Page>(asked)).data).toEqual([]);
      expect((await nobody.get<Page>(asked)).data).toEqual([]);
    },
  );

  test("by sync state partitions the agents", async () => {
    const ids = async (query: string) =>
      (await organisation.admin.get<Page>(`/agents?${query}`)).data.map(({ id }) => id);
    await expect
      .poll(async () => (await ids("sync_state=synced")).toSorted(), { timeout: 15_000 })
      .toEqual(["writer", "counter"].map((name) => made[name] ?? "").toSorted());
    expect(await ids("sync_state=error")).toEqual([]);
    expect((await stranger.admin.get<Page>("/agents?sync_state=synced")).data).toEqual([]);
  });

  test("of requests by target finds what was done to it", async () => {
    const page = await organisation.admin.get<{ data: { operation: string }[] }>(
      `/requests?target=agent:${made["counter"]}`,
    );
    expect(page.data.map(({ operation }) => operation)).toEqual(["agent.attach_mcp_server", "agent.create"]);
    expect((await nobody.get<Page>(`/requests?target=agent:${made["counter"]}`)).data).toEqual([]);
  });

  test("what was done to an agent's attachments and credentials is about the agent too, what was done to others is not", async () => {
    const { admin, root } = await makeOrganisation("wired");
    const agent = (await admin.make<{ id: string }>("/agents", { name: "wired", ou: root })).id;
    const server = (
      await admin.make<{ id: string }>("/mcp-servers", {
        name: "wires",
        display_name: "Wires",
        ou: root,
        url: "http://127.0.0.1:9/mcp",
      })
    ).id;
    await admin.make(`/agents/${agent}/mcp-servers`, { mcp_server_id: server });
    const { id } = await admin.make<{ id: string }>(`/agents/${agent}/credentials`, { mcp_server_id: server });
    await admin.send("DELETE", `/credentials/${id}`);
    await admin.send("DELETE", `/agents/${agent}/mcp-servers/${server}`);
    const done = [
      "agent.detach_mcp_server",
      "credential.revoke",
      "credential.create",
      "agent.attach_mcp_server",
      "agent.create",
    ];
    for (const path of ["/requests", "/audit"]) {
      const about = await admin.get<{ data: { operation: string }[] }>(`${path}?target=agent:${agent}`);
      expect(about.data.map(({ operation }) => operation)).toEqual(done);
      expect((await stranger.admin.get<Page>(`${path}?target=agent:${agent}`)).data).toEqual([]);
    }
    expect((await admin.get<Page>(`/audit?target=credential:${id}`)).data).toHaveLength(2);
  });

  test("keeps to its pages", async () => {
    const { admin } = organisation;
    const first = await admin.get<Page>("/bindings?role=AgentUser&limit=1");
    const second = await admin.get<Page>(`/bindings?role=AgentUser&limit=1&cursor=${first.next_cursor}`);
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual([made["by-group"], made["by-user"]]);
    expect(second.next_cursor).toBeNull();
  });

  test.each([
    "/agents?sync_state=lost",
    "/agents?kind=robot",
    "/agents?mcp_server=crm",
    "/agents?q=",
    `/agents?q=${"x".repeat(201)}`,
    "/agents?q=%00",
    "/approvals?kind=vote",
    "/approvals?mine=false",
    "/requests?target=agent",
    "/runs?agent=a&agent=b",
    "/sessions?status=gone",
    "/bindings?role=King",
    "/bindings?group=sellers",
    "/audit?from=yesterday",
    "/audit?to=2026-01-01",
  ])("%s is refused, and what is wrong is named", async (path) => {
    const { status, body } = await call(organisation.admin, "GET", path);
    expect({ status, code: body["code"] }).toEqual({ status: 422, code: "invalid_input" });
    expect(JSON.stringify(body)).toMatch(
      /\/(sync_state|kind|mcp_server|q|mine|target|agent|status|role|group|from|to)"/,
    );
  });
});

describe("the audit trail", () => {
  type Entries = { data: { position: number; at: string; sub: string; outcome: string; operation: string }[] };
  const read = (query: string) => organisation.admin.get<Entries>(`/audit?limit=200&${query}`);

  test("is narrowed by time: from a moment on, and before it", async () => {
    const all = (await read("")).data;
    const middle = all[Math.floor(all.length / 2)];
    const after = (await read(`from=${middle?.at}`)).data;
    const before = (await read(`to=${middle?.at}`)).data;
    expect(after.length).toBeGreaterThan(0);
    expect(before.length).toBeGreaterThan(0);
    expect([...after, ...before]).toEqual(all);
    expect(after.at(-1)?.position).toBe(middle?.position);
    const elsewhere = encodeURIComponent("2020-01-01T02:00:00+02:00");
    expect((await read(`from=${elsewhere}`)).data).toEqual(all);
  });

  test("is narrowed by outcome, and by person: address or id", async () => {
    const pending = (await read("outcome=pending_approval")).data;
    expect(pending.map(({ operation }) => operation).toSorted()).toEqual(["agent.create", "ou.create"]);
    const byEmail = (await read(`sub=${builder.email}`)).data;
    expect(byEmail.length).toBeGreaterThan(0);
    expect(byEmail.every(({ sub }) => sub === builder.id)).toBe(true);
    expect((await read(`sub=${builder.id.toUpperCase()}`)).data).toEqual(byEmail);
    expect((await read("sub=who@nowhere.test")).data).toEqual([]);
    expect((await read("act=client:none")).data).toEqual([]);
  });

  test("is narrowed to one request: how it was asked for, what people said, how it ended; and nothing else", async () => {
    const asked = await askForApproval(builder, "/agents", { name: "told-of", ou: organisation.root });
    await organisation.admin.make(`/approvals/${asked.id}/votes`, { decision: "approve", digest: asked.digest });
    const applied = () => read(`request=${asked.id}&outcome=applied`);
    await eventually(async () => (await applied()).data[0], "it is applied");
    const { data } = await read(`request=${asked.id}`);
    expect(data.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
      "agent.create applied",
      "approval.vote voted",
      "agent.create pending_approval",
    ]);
    // One that was applied at once names itself alone.
    const at = await call(organisation.admin, "POST", "/groups", { name: "at-once", ou: organisation.root });
    const ofGroup = (await read(`target=group:${String(at.body["id"])}`)).data[0] as unknown as {
      body: { id: string };
    };
    expect((await read(`request=${ofGroup.body.id}`)).data).toEqual([ofGroup]);
    expect((await read("request=req_of-nothing")).data).toEqual([]);
    expect((await call(nobody, "GET", `/audit?request=${asked.id}`)).status).toBe(403);
    expect((await stranger.admin.get<Entries>(`/audit?request=${asked.id}`)).data).toEqual([]);
    for (const wrong of ["", "x".repeat(101)])
      expect((await call(organisation.admin, "GET", `/audit?request=${wrong}`)).status).toBe(422);
  });

  test("is narrowed by several things at once, page by page, inside one organisation alone", async () => {
    const both = (await read(`sub=${builder.id}&outcome=pending_approval`)).data;
    expect(both.length).toBeGreaterThan(0);
    const whole = (await read("")).data;
    expect(both).toEqual(whole.filter(({ sub, outcome }) => sub === builder.id && outcome === "pending_approval"));
    const mine = whole.filter(({ sub }) => sub === builder.id);
    const first = (await organisation.admin.get<Entries>(`/audit?sub=${builder.id}&limit=1`)).data;
    const rest = (await read(`sub=${builder.id}&before=${first[0]?.position}`)).data;
    expect([...first, ...rest]).toEqual(mine);
    expect((await stranger.admin.get<Entries>(`/audit?sub=${builder.id}`)).data).toEqual([]);
    const theirs = (await stranger.admin.get<Entries>("/audit?outcome=applied&limit=200")).data;
    expect(theirs.length).toBeGreaterThan(0);
    const hashes = new Set(whole.map((entry) => (entry as unknown as { hash: string }).hash));
    expect(theirs.filter((entry) => hashes.has((entry as unknown as { hash: string }).hash))).toEqual([]);
    const found = "select audit_positions('{}', null, null, null, null, 10)";
    expect(await inOrganisation(v7(), (tx) => tx.rows(found))).toEqual([]);
    expect((await call(nobody, "GET", `/audit?sub=${builder.id}`)).status).toBe(403);
  });

  test.each([
    ["2026-11-22T12:00:00Z", 200],
    ["2026-11-22T12:00:00.123456789+14:00", 200],
    ["0001-01-01T00:00:00-15:59", 200],
    ["9999-12-31T23:59:59Z", 200],
    // What RFC 3339 allows and PostgreSQL cannot read.
    ["2026-11-22T12:00:00-19:50", 422],
    ["2026-11-22T12:00:00+16:00", 422],
    ["0000-01-01T00:00:00Z", 422],
    ["0001-01-01T00:00:00+15:59", 422],
    ["9999-12-31T23:59:59-00:01", 422],
  ])("a moment, %s, is read or refused: %d", async (moment, status) => {
    const { admin, root } = organisation;
    const asked = encodeURIComponent(moment);
    for (const end of ["from", "to"]) expect((await call(admin, "GET", `/audit?${end}=${asked}`)).status).toBe(status);
    const binding = { role: "Auditor", ou: root, user: builder.email, expires_at: moment };
    const bound = await call(admin, "POST", "/bindings?dryRun=true", binding);
    if (status === 422) expect(JSON.stringify(bound.body)).toContain("/expires_at");
    expect(bound.status).toBe(status === 200 && new Date(moment) > new Date() ? 200 : 422);
  });

  test("one request's entries are found by an index", async () => {
    const plan = await inOrganisation(organisation.organisationId, async (tx) => {
      await tx.run("set local enable_seqscan = off");
      return tx.rows<{ "QUERY PLAN": string }>(
        "explain select from control_plane_audit where request_id = 'x' order by position desc limit 50",
      );
    });
    const text = plan.map((row) => row["QUERY PLAN"]).join("\n");
    expect(text).toMatch(/Scan (Backward )?using control_plane_audit_request/);
    expect(text).toMatch(/Index Cond: .*request_id = 'x'/);
  });

  test("shows one entry in full, to auditors of the organisation alone", async () => {
    const [newest, before] = (
      await organisation.admin.get<{ data: { position: number; hash: string }[] }>("/audit?limit=2")
    ).data;
    const entry = await organisation.admin.get<Record<string, unknown>>(`/audit/${newest?.position}`);
    expect(entry).toMatchObject({ ...newest, previous: before?.hash });
    expect(JSON.parse(String(entry["text"]))).toEqual(entry["body"]);
    expect((await call(nobody, "GET", `/audit/${newest?.position}`)).status).toBe(403);
    for (const position of ["0", "-1", "x", "999999", "9".repeat(30)])
      expect((await call(organisation.admin, "GET", `/audit/${position}`)).status, position).toBe(404);
    const theirs = await stranger.admin.get<{ hash: string }>(`/audit/1`);
    expect(theirs.hash).not.toBe((await organisation.admin.get<{ hash: string }>(`/audit/1`)).hash);
  });
});
