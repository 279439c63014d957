import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { type NewIntent, recordIntent } from "../../../db/queries/operations.ts";
import { asSuperuser } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { asApplication, auditAbout, auditOf, call, inOrganisation, withRole } from "./stage.ts";

describe("an Idempotency-Key", () => {
  let organisation: TestOrganisation;
  let root: string;
  beforeAll(async () => {
    organisation = await makeOrganisation("keys");
    root = organisation.root;
  });

  const post = (path: string, body: Record<string, unknown>, key: string, more: Record<string, string> = {}) =>
    call(organisation.admin, "POST", path, body, { "Idempotency-Key": key, ...more });
  const agentsNamed = async (name: string) =>
    (await organisation.admin.get<{ data: unknown[] }>(`/agents?name=${name}`)).data.length;

  test("with the same body gives the same answer and has one effect", async () => {
    const first = await post("/agents", { name: "once", ou: root }, "k-once");
    const again = await post("/agents", { name: "once", ou: root }, "k-once");
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("powerloom-request-id")).toBe(first.headers.get("powerloom-request-id"));
    expect(await agentsNamed("once")).toBe(1);
    const requestId = first.headers.get("powerloom-request-id") ?? "";
    expect(await auditAbout(organisation.organisationId, requestId)).toHaveLength(1);
  });

  test("with another body, operation or If-Match is refused, and nothing happens", async () => {
    await post("/groups", { name: "kept", ou: root }, "k-other");
    const before = (await auditOf(organisation.organisationId)).length;
    const body = await post("/groups", { name: "changed", ou: root }, "k-other");
    const operation = await post("/agents", { name: "kept", ou: root }, "k-other");
    const version = await post("/groups", { name: "kept", ou: root }, "k-other", { "If-Match": '"1"' });
    for (const answer of [body, operation, version]) {
      expect(answer.status).toBe(422);
      expect(answer.body["code"]).toBe("idempotency_mismatch");
    }
    expect((await auditOf(organisation.organisationId)).length).toBe(before);
    expect(await agentsNamed("kept")).toBe(0);
  });

  test("is the person's own: somebody else's is another key", async () => {
    const other = await withRole(organisation, "OUAdmin", "other");
    await post("/groups", { name: "mine", ou: root }, "k-shared");
    const theirs = await call(
      other,
      "POST",
      "/groups",
      { name: "theirs", ou: root },
      { "Idempotency-Key": "k-shared" },
    );
    expect(theirs.status).toBe(201);
  });

  test.each([
    ["credential.create", "secret"],
    ["mcp_server.register", "introspection_secret"],
  ])("reveals the secret of %s in the first answer only, and stores it nowhere in the clear", async (name, field) => {
    const { admin } = organisation;
    const tag = v7().slice(-12);
    let path = "/mcp-servers";
    let body: Record<string, unknown> = { name: `s-${tag}`, ou: root, url: "https://tools.example/mcp" };
    if (name === "credential.create") {
      const server = await admin.make<{ id: string }>(path, body);
      const agent = await admin.make<{ id: string }>("/agents", { name: `a-${tag}`, ou: root });
      body = { mcp_server_id: server.id };
      await admin.make(`/agents/${agent.id}/mcp-servers`, body);
      path = `/agents/${agent.id}/credentials`;
    }
    const first = await post(path, body, `k-${tag}`);
    const again = await post(path, body, `k-${tag}`);
    expect([first.status, again.status]).toEqual([201, 201]);
    const secret = String(first.body[field]);
    expect(secret).toMatch(/^pl[ci]_[\w-]{43}$/);
    const { [field]: _, ...rest } = first.body;
    expect(again.body).toEqual(rest);
    const shown = await admin.get(`/requests/${first.headers.get("powerloom-request-id")}`);
    expect(JSON.stringify(shown)).not.toContain(secret);
    await asSuperuser(async (sql) => {
      for (const table of ["operations", "credentials", "mcp_servers", "control_plane_audit", "change_events"]) {
        const { rows } = await sql.query(`select from ${table} t where to_jsonb(t)::text like '%' || $1 || '%'`, [
          secret,
        ]);
        expect([table, rows.length]).toEqual([table, 0]);
      }
    });
  });

  test("is free again after a refusal", async () => {
    const person = await organisation.person("late");
    const headers = { "Idempotency-Key": "k-refused" };
    expect((await call(person, "POST", "/agents", { name: "later", ou: root }, headers)).status).toBe(403);
    await organisation.admin.make("/bindings", { role: "AgentBuilder", ou: root, user: person.email });
    expect((await call(person, "POST", "/agents", { name: "later", ou: root }, headers)).status).toBe(201);
  });

  test("is free again once the thing is deleted", async () => {
    const first = await post("/agents", { name: "fleeting", ou: root }, "k-gone");
    expect((await call(organisation.admin, "DELETE", `/agents/${first.id}`)).status).toBe(200);
    const second = await post("/agents", { name: "fleeting", ou: root }, "k-gone");
    expect(second.status).toBe(201);
    expect(second.body["id"]).not.toBe(first.body["id"]);
  });

  test("of a deletion that waited for its approval still says what became of it", async () => {
    const ou = await organisation.ou(`${root}/kept`);
    const { id: agent } = await post("/agents", { name: "leaves", ou }, "k-leaves");
    const approver = await withRole(organisation, "Approver", "leaver", ou);
    await organisation.admin.make("/approval-policies", { name: "kept", ou, operations: ["agent.delete"] });
    const remove = () =>
      call(organisation.admin, "DELETE", `/agents/${agent}`, undefined, { "Idempotency-Key": "k-leave" });
    const asked = await remove();
    expect(asked.status).toBe(202);
    const { digest } = await approver.get<{ digest: string }>(`/approvals/${asked.id}`);
    await call(approver, "POST", `/approvals/${asked.id}/votes`, { decision: "approve", digest });
    const later = await eventually(async () => {
      const answer = await remove();
      return answer.status === 202 ? undefined : answer;
    }, "it is applied");
    expect([later.status, later.body]).toEqual([200, { id: agent, deleted: true }]);
    expect(later.headers.get("powerloom-request-id")).toBe(asked.headers.get("powerloom-request-id"));
  });

  test("is free again after its own request was withdrawn", async () => {
    const ou = await organisation.ou(`${root}/slow`);
    await organisation.admin.make("/approval-policies", { name: "slow", ou, operations: ["agent.create"] });
    const first = await post("/agents", { name: "waits", ou }, "k-cancel");
    const again = await post("/agents", { name: "waits", ou }, "k-cancel");
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body["id"]).toBe(first.body["id"]);
    expect(first.headers.get("location")).toBe(`/requests/${first.id}`);
    await call(organisation.admin, "POST", `/requests/${first.id}/cancel`, {});
    const id = await eventually(async () => {
      const answer = await post("/agents", { name: "waits", ou }, "k-cancel");
      return answer.status === 202 && answer.body["id"] !== first.body["id"] ? answer.body["id"] : undefined;
    }, "the key is free");
    expect(id).toMatch(/^req_/);
  });

  test("is remembered for as long as Powerloom-Key-Ttl says, and that is bounded", async () => {
    const brief = { "Powerloom-Key-Ttl": "30" };
    const first = await post("/groups", { name: "brief", ou: root }, "k-ttl", brief);
    expect((await post("/groups", { name: "brief", ou: root }, "k-ttl", brief)).body).toEqual(first.body);
    const remembered = await asSuperuser((sql) =>
      sql.query<{ seconds: number }>(
        `update operations set key_expires_at = clock_timestamp() where idempotency_key = 'k-ttl' and organisation_id = $1
         returning extract(epoch from old.key_expires_at - created_at)::int as seconds`,
        [organisation.organisationId],
      ),
    );
    expect([29, 30, 31]).toContain(remembered.rows[0]?.seconds);
    expect((await post("/groups", { name: "brief-two", ou: root }, "k-ttl")).status).toBe(201);
    for (const ttl of ["0", "-1", "1.5", "86401", "soon"])
      expect((await post("/groups", { name: "never", ou: root }, "k-bad", { "Powerloom-Key-Ttl": ttl })).status).toBe(
        400,
      );
    expect((await post("/groups", { name: "never", ou: root }, "x".repeat(256))).status).toBe(400);
  });

  test("sent by twenty at once makes one agent and one entry, and all get the same answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post("/agents", { name: "contested", ou: root }, "k-race")),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.body["id"])).size).toBe(1);
    expect(await agentsNamed("contested")).toBe(1);
    const entries = (await auditOf(organisation.organisationId)).filter(
      (entry) => entry.operation === "agent.create" && JSON.stringify(entry.body.detail).includes("contested"),
    );
    expect(entries).toHaveLength(1);
  });

  test("none at all, eight at once: one agent, seven conflicts, every one of them audited", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call(organisation.admin, "POST", "/agents", { name: "unkeyed", ou: root })),
    );
    const statuses = answers.map((answer) => answer.status).sort((a, b) => a - b);
    expect(statuses).toEqual([201, ...Array.from({ length: 7 }, () => 409)]);
    const ids = new Set(answers.map((answer) => answer.headers.get("powerloom-request-id")));
    const entries = (await auditOf(organisation.organisationId)).filter((entry) => ids.has(entry.body.id));
    expect(entries.map((entry) => entry.outcome).sort()).toEqual([
      "applied",
      ...Array.from({ length: 7 }, () => "refused"),
    ]);
  });
});

describe("an intent nobody took up in time", () => {
  test("expires with an entry, is never applied, and gives its key back", async () => {
    const organisation = await makeOrganisation("stale");
    const { admin, organisationId, root } = organisation;
    const intent = await intentFor(organisation, { name: "stale", ou: root }, "k-stale", -1);
    await inOrganisation(organisationId, (tx) => recordIntent(tx, intent, new Date()));
    // The sweep has it started after two seconds; then it is too late.
    const request = await eventually(async () => {
      const seen = await admin.get<{ status: string }>(`/requests/${intent.id}`);
      return seen.status === "received" ? undefined : seen;
    }, "the intent is settled");
    expect(request.status).toBe("expired");
    expect(await auditAbout(organisationId, intent.id)).toMatchObject([
      { operation: "group.create", outcome: "expired" },
    ]);
    const answer = await call(admin, "POST", "/groups", { name: "stale", ou: root }, { "Idempotency-Key": "k-stale" });
    expect(answer.status).toBe(201);
  });

  test.each([
    ["", 0],
    [" under a clock ten minutes ahead", 600],
  ])("is started by the sweep when its API died right after storing it%s", async (_, wrongBy) => {
    const organisation = await makeOrganisation("orphan");
    const intent = await intentFor(organisation, { name: "orphan", ou: organisation.root }, "k-orphan", 1_200);
    await inOrganisation(organisation.organisationId, async (tx) => {
      await recordIntent(tx, intent, new Date());
      await tx.run("update operations set created_at = created_at + make_interval(secs => $2) where id = $1", [
        intent.id,
        wrongBy,
      ]);
    });
    await eventually(async () => {
      const seen = await organisation.admin.get<{ status: string }>(`/requests/${intent.id}`);
      return seen.status === "applied" ? seen : undefined;
    }, "the orphan is applied");
    expect(await auditAbout(organisation.organisationId, intent.id)).toHaveLength(1);
  });

  test("keys raced for in the database are held by exactly one intent", async () => {
    const organisation = await makeOrganisation("raced");
    const intents = await Promise.all(
      Array.from({ length: 12 }, () =>
        intentFor(organisation, { name: "raced", ou: organisation.root }, "k-raced", 600),
      ),
    );
    const outcomes = await asApplication((db) =>
      Promise.all(
        intents.map((intent) =>
          db.inOrganisation(organisation.organisationId, (tx) => recordIntent(tx, intent, new Date())),
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.fresh)).toHaveLength(1);
    expect(new Set(outcomes.map((outcome) => outcome.row.id)).size).toBe(1);
  });
});

async function intentFor(
  organisation: TestOrganisation,
  input: Record<string, unknown>,
  key: string,
  seconds: number,
): Promise<NewIntent> {
  const { principal_id } = await organisation.admin.get<{ principal_id: string }>("/me");
  return {
    id: `req_${v7().replaceAll("-", "")}`,
    name: "group.create",
    sub: principal_id,
    act: "",
    sid: "",
    idempotencyKey: key,
    keyExpiresAt: new Date(Date.now() + 60_000),
    bodyDigest: "0".repeat(64),
    input,
    ifMatch: null,
    expiresAt: new Date(Date.now() + seconds * 1000),
  };
}
