import { beforeAll, describe, expect, test } from "vitest";
import { readMode } from "../../../activities/runs/evidence.ts";
import { gate } from "../../../core/governance/gates.ts";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { askForApproval, auditAbout, call, expireBindingsOf, inOrganisation, stateOf, withRole } from "./stage.ts";

type Change = { mode: string; reason: string; duration_seconds?: number };
type Pending = { id: string; digest: string };

const bypass = (duration_seconds = 600): Change => ({ mode: "BYPASS", reason: "Migration night", duration_seconds });
const plain = (mode: "READ_ONLY" | "PERMISSION", reason = "A test"): Change => ({ mode, reason });

const set = (person: Pick<Person, "token">, change: Change, headers?: Record<string, string>) =>
  call(person, "POST", "/governance/mode", { ...change }, headers);
const ask = (person: Pick<Person, "token">, change = bypass()) =>
  askForApproval(person, "/governance/mode", { ...change });
const vote = (person: Pick<Person, "token">, { id, digest }: Pending, decision = "approve") =>
  call(person, "POST", `/approvals/${id}/votes`, { decision, digest, reason: "Seen" });
const modeOf = async ({ admin }: TestOrganisation) => (await admin.get<{ mode: string }>("/governance/mode")).mode;

function finished(person: Person, id: string): Promise<{ status: string; problem: { code: string } | null }> {
  return eventually(async () => {
    const request = await person.get<{ status: string; problem: { code: string } | null }>(`/requests/${id}`);
    return ["received", "pending_approval"].includes(request.status) ? undefined : request;
  }, `${id} is finished`);
}

async function guarded(label: string) {
  const organisation = await makeOrganisation(label);
  return { ...organisation, approver: await withRole(organisation, "Approver") };
}

/** What the gate makes of a write nobody has allowed, in the mode the organisation has. */
async function verdictOnWrite({ organisationId }: TestOrganisation): Promise<string> {
  const mode = await inOrganisation(organisationId, readMode);
  const rights = { allowed: true, rule: "binding:x", reason: "" };
  const call = { tool: "write_file", readOnly: false, risk: "high", agent: "executor", contextHash: "x" } as const;
  const { verdict, rule } = gate(call, { rights, lease: null, mode, elevations: [] }, Date.now());
  return `${verdict} ${rule}`;
}

describe("the governance mode", () => {
  let world: Awaited<ReturnType<typeof guarded>>;
  let part: string;
  beforeAll(async () => {
    world = await guarded("mode");
    part = await world.ou(`${world.root}/part`);
  });

  test("is PERMISSION as long as nobody has set one, and read by OUAdmins and Auditors, not by everybody", async () => {
    const readers = [await withRole(world, "OUAdmin", "head", part), await withRole(world, "Auditor"), world.admin];
    for (const reader of readers)
      expect(await reader.get("/governance/mode")).toEqual({
        mode: "PERMISSION",
        expires_at: null,
        reason: null,
        changed_by: null,
        changed_by_email: null,
        changed_at: null,
        version: 0,
      });
    const missing = { permission: "governance:read", ou: world.root };
    for (const role of ["Viewer", "AgentBuilder", "AgentUser"])
      expect(await call(await withRole(world, role), "GET", "/governance/mode")).toMatchObject({
        status: 403,
        body: { missing },
      });
  });

  test("is set by an OrgAdmin of the whole organisation alone, as long as the role lasts", async () => {
    const temporary = await withRole(world, "OrgAdmin", "temporary");
    expect((await set(temporary, plain("PERMISSION"))).status).toBe(200);
    await expireBindingsOf(temporary);
    const others = [
      temporary,
      await withRole(world, "OrgAdmin", "partial", part),
      await withRole(world, "OUAdmin", "local"),
      await withRole(world, "Auditor", "watcher"),
      world.approver,
    ];
    const before = await stateOf(world.organisationId);
    for (const person of others)
      for (const change of [plain("READ_ONLY"), bypass()]) {
        const answer = await set(person, change);
        expect(answer).toMatchObject({
          status: 403,
          body: { missing: { permission: "governance:update", ou: world.root } },
        });
        const entries = await auditAbout(world.organisationId, String(answer.body["request_id"]));
        expect(entries).toMatchObject([{ operation: "governance.set_mode", outcome: "refused" }]);
      }
    expect(await stateOf(world.organisationId)).toBe(before);
    expect((await call(temporary, "GET", "/governance/mode")).status).toBe(403);
  });

  test.each(["READ_ONLY", "PERMISSION"] as const)("%s is set at once, by one person", async (mode) => {
    const { version } = await world.admin.get<{ version: number }>("/governance/mode");
    expect((await set(world.admin, plain(mode), { "If-Match": `"${version + 7}"` })).status).toBe(412);
    const answer = await set(world.admin, plain(mode, "Because"), { "If-Match": `"${version}"` });
    expect(answer).toMatchObject({
      status: 200,
      body: { mode, reason: "Because", expires_at: null, changed_by_email: world.admin.email, version: version + 1 },
    });
    expect(answer.headers.get("etag")).toBe(`"${version + 1}"`);
    expect(await world.admin.get("/governance/mode")).toEqual(answer.body);
    const entries = await auditAbout(world.organisationId, answer.headers.get("powerloom-request-id") ?? "");
    expect(entries).toMatchObject([
      { operation: "governance.set_mode", outcome: "applied", target: `governance_mode:${world.organisationId}` },
    ]);
    expect(String(entries[0]?.body.detail["summary"])).toContain(`to ${mode}: Because`);
    expect(await verdictOnWrite(world)).toBe(mode === "READ_ONLY" ? "refuse mode-read-only" : "ask mode-permission");
  });

  test.each<[string, Change]>([
    ["BYPASS without an end", { mode: "BYPASS", reason: "x" }],
    ["BYPASS for 59 seconds", bypass(59)],
    ["BYPASS for more than a day", bypass(86_401)],
    ["READ_ONLY with an end", { ...plain("READ_ONLY"), duration_seconds: 600 }],
    ["PERMISSION with an end", { ...plain("PERMISSION"), duration_seconds: 600 }],
  ])("%s is refused by the field", async (_, change) => {
    const answer = await set(world.admin, change);
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).toContain('"pointer":"/duration_seconds"');
  });

  test("of another organisation is neither seen nor touched", async () => {
    const stranger = await makeOrganisation("mode-other");
    expect((await set(stranger.admin, plain("READ_ONLY", "Ours alone"))).status).toBe(200);
    expect((await world.admin.get<{ reason: string }>("/governance/mode")).reason).not.toBe("Ours alone");
    const rows = (organisation: TestOrganisation) =>
      inOrganisation(organisation.organisationId, (tx) =>
        tx.rows<{ reason: string }>("select reason from governance_modes"),
      );
    expect(await rows(stranger)).toEqual([{ reason: "Ours alone" }]);
    expect((await rows(world)).map(({ reason }) => reason)).not.toContain("Ours alone");
  });

  test("set by several at once for the first time has one history", async () => {
    const fresh = await makeOrganisation("mode-race");
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => set(fresh.admin, plain(index % 2 === 0 ? "READ_ONLY" : "PERMISSION"))),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
    const applied = answers.filter(({ status }) => status === 200).map(({ body }) => Number(body["version"]));
    expect(applied.toSorted((a, b) => a - b)).toEqual(Array.from(applied, (_, index) => index + 1));
    expect(await fresh.admin.get("/governance/mode")).toMatchObject({ version: applied.length });
  });
});

describe("BYPASS", () => {
  test("waits for an Approver of the whole organisation, though no policy says so; then it lasts as long as asked", async () => {
    const world = await guarded("bypass");
    const { admin, approver, root } = world;
    const part = await world.ou(`${root}/part`);
    const local = await withRole(world, "Approver", "local", part);
    const colleague = await withRole(world, "OrgAdmin", "colleague");
    // Who asks may hold the role too: it does not help.
    await admin.make("/bindings", { role: "Approver", ou: root, user: admin.email });

    const tried = await call(admin, "POST", "/governance/mode?dryRun=true", { ...bypass() });
    expect(tried.body).toMatchObject({
      decision: "needs_approval",
      policies: [{ id: null, name: "bypass-needs-approval", approver_role: "Approver", approvals_needed: 1 }],
    });
    const pending = await ask(admin, bypass(3600));
    expect(await modeOf(world)).toBe("PERMISSION");
    expect(await approver.get(`/approvals/${pending.id}`)).toMatchObject({
      policy: "bypass-needs-approval",
      can_vote: true,
      diff: { before: { mode: "PERMISSION" }, after: { mode: "BYPASS", duration_seconds: 3600 } },
    });
    for (const person of [admin, colleague, local])
      expect([person.email, (await vote(person, pending)).status]).toEqual([person.email, 403]);
    expect(await modeOf(world)).toBe("PERMISSION");

    const from = Date.now();
    expect((await vote(approver, pending)).body["status"]).toBe("approved");
    expect((await finished(admin, pending.id)).status).toBe("applied");
    const mode = await admin.get<{ changed_at: string; expires_at: string }>("/governance/mode");
    expect(mode).toMatchObject({ mode: "BYPASS", reason: "Migration night", changed_by_email: admin.email });
    expect(Date.parse(mode.changed_at)).toBeGreaterThanOrEqual(from);
    expect(Date.parse(mode.expires_at) - Date.parse(mode.changed_at)).toBe(3_600_000);
    expect(await verdictOnWrite(world)).toBe("run mode-bypass");

    const entries = await auditAbout(world.organisationId, pending.id);
    expect(entries.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
      "governance.set_mode pending_approval",
      "approval.vote voted",
      "governance.set_mode applied",
    ]);
    expect(entries[0]?.body.rule).toBe("rule:bypass-needs-approval");
    expect(entries.at(-1)?.body.approval_id).toBe(pending.id);
    expect(await admin.get("/audit/verify")).toMatchObject({ intact: true });
  });

  test("is over by itself: then it is PERMISSION, for readers and for the gate", async () => {
    const world = await guarded("over");
    const pending = await ask(world.admin, bypass(60));
    await vote(world.approver, pending);
    await finished(world.admin, pending.id);
    expect(await verdictOnWrite(world)).toBe("run mode-bypass");
    await asSuperuser((sql) =>
      sql.query("update governance_modes set expires_at = clock_timestamp() where organisation_id = $1", [
        world.organisationId,
      ]),
    );
    expect(await world.admin.get("/governance/mode")).toMatchObject({ mode: "PERMISSION", reason: "Migration night" });
    expect(await verdictOnWrite(world)).toBe("ask mode-permission");
    // To begin it anew is to ask anew.
    expect((await set(world.admin, bypass())).status).toBe(202);
  });

  test("once running is ended by one person at once", async () => {
    const world = await guarded("ended");
    const pending = await ask(world.admin);
    await vote(world.approver, pending);
    await finished(world.admin, pending.id);
    expect((await set(world.admin, plain("READ_ONLY", "Stop"))).status).toBe(200);
    expect(await verdictOnWrite(world)).toBe("refuse mode-read-only");
  });

  test("denied stays away", async () => {
    const world = await guarded("denied");
    const pending = await ask(world.admin);
    expect((await vote(world.approver, pending, "deny")).body["status"]).toBe("denied");
    expect((await finished(world.admin, pending.id)).status).toBe("denied");
    expect(await modeOf(world)).toBe("PERMISSION");
  });

  test("is not given by an approval from before somebody tightened the mode", async () => {
    const world = await guarded("tightened");
    const pending = await ask(world.admin);
    await set(world.admin, plain("READ_ONLY"));
    // Back where it was: all the same somebody has looked since.
    await set(world.admin, plain("PERMISSION"));
    expect((await vote(world.approver, pending)).body["status"]).toBe("approved");
    expect(await finished(world.admin, pending.id)).toMatchObject({
      status: "refused",
      problem: { code: "approval_stale" },
    });
    expect(await modeOf(world)).toBe("PERMISSION");
  });

  test("is not given when the right of who asked has ended meanwhile", async () => {
    const world = await guarded("unseated");
    const leaving = await withRole(world, "OrgAdmin", "leaving");
    const pending = await ask(leaving);
    await expireBindingsOf(leaving);
    await vote(world.approver, pending);
    expect(await finished(leaving, pending.id)).toMatchObject({ status: "refused", problem: { code: "forbidden" } });
    expect(await modeOf(world)).toBe("PERMISSION");
  });

  test("needs what policies ask for besides, and a policy that is switched off takes nothing of the rule away", async () => {
    const world = await guarded("besides");
    const second = await withRole(world, "OrgAdmin", "second");
    const policy = await world.admin.make<{ id: string }>("/approval-policies", {
      name: "chiefs",
      ou: world.root,
      operations: ["governance.*"],
      approver_role: "OrgAdmin",
    });
    const pending = await ask(world.admin);
    expect((await vote(world.approver, pending)).body["status"]).toBe("pending");
    expect((await vote(second, pending)).body["status"]).toBe("approved");
    expect((await finished(world.admin, pending.id)).status).toBe("applied");
    expect((await auditAbout(world.organisationId, pending.id))[0]?.body.rule).toBe(
      "rule:bypass-needs-approval policy:chiefs",
    );

    await call(world.admin, "PATCH", `/approval-policies/${policy.id}`, { enabled: false });
    expect((await set(world.admin, plain("PERMISSION"))).status).toBe(200);
    expect((await set(world.admin, bypass())).status).toBe(202);
  });

  test("is approved under the rule as it is: an approval that was asked under another one is stale", async () => {
    const world = await guarded("rule");
    const pending = await ask(world.admin);
    await asSuperuser((sql) =>
      sql.query(
        `update approval_requests set requirements = jsonb_set(requirements, '{0,approvalsNeeded}', '0') where id = $1`,
        [pending.id],
      ),
    );
    await vote(world.approver, pending);
    expect(await finished(world.admin, pending.id)).toMatchObject({
      status: "refused",
      problem: { code: "approval_stale" },
    });
  });
});
