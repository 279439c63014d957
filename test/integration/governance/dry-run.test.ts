import { beforeAll, describe, expect, test } from "vitest";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { askForApproval, auditOf, call, stateOf, withRole } from "./stage.ts";

describe("a dry run", () => {
  let organisation: TestOrganisation;
  let careful: string;
  beforeAll(async () => {
    organisation = await makeOrganisation("dry");
    careful = await organisation.ou(`${organisation.root}/careful`);
    for (const approvals_needed of [1, 2])
      await organisation.admin.make("/approval-policies", {
        name: `needs-${approvals_needed}`,
        ou: approvals_needed === 1 ? careful : organisation.root,
        operations: ["agent.create"],
        approvals_needed,
        enabled: approvals_needed === 1,
      });
  });

  async function untouched(body: () => Promise<void>): Promise<void> {
    const counted = () =>
      asSuperuser(async (sql) => {
        const { rows } = await sql.query<{ operations: string; changes: string; audit: string }>(
          `select (select count(*) from operations where organisation_id = $1) as operations,
                  (select count(*) from change_events where organisation_id = $1 and type not like 'agent.sync%') as changes,
                  (select count(*) from control_plane_audit where organisation_id = $1) as audit`,
          [organisation.organisationId],
        );
        return rows[0];
      });
    const before = [await stateOf(organisation.organisationId), await counted()];
    await body();
    expect([await stateOf(organisation.organisationId), await counted()]).toEqual(before);
  }

  test("of something allowed says so, with rule, diff and digest, and does nothing", async () => {
    await untouched(async () => {
      const body = { name: "would-be", ou: organisation.root };
      const answer = await call(organisation.admin, "POST", "/agents?dryRun=true", body);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        decision: "allowed",
        operation: "agent.create",
        rule: expect.stringMatching(/^binding:/),
        policies: [],
        diff: { before: null, after: { name: "would-be", ou: organisation.root } },
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });
  });

  test("of something that needs approval names the policies, and its digest is the one a vote would have to name", async () => {
    const body = { name: "approved-later", ou: careful };
    let digest = "";
    await untouched(async () => {
      const answer = await call(organisation.admin, "POST", "/agents?dryRun=true", body);
      expect(answer.body).toMatchObject({
        decision: "needs_approval",
        policies: [{ name: "needs-1", approver_role: "Approver", approvals_needed: 1 }],
        diff: { before: null, after: { name: "approved-later" } },
      });
      digest = String(answer.body["digest"]);
    });
    expect((await askForApproval(organisation.admin, "/agents", body)).digest).toBe(digest);
  });

  test("of something refused is the same 403, without an entry", async () => {
    const viewer = await withRole(organisation, "Viewer");
    await untouched(async () => {
      const answer = await call(viewer, "POST", "/agents?dryRun=true", { name: "no", ou: organisation.root });
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({ missing: { permission: "agent:create", ou: organisation.root } });
    });
  });

  test("that is misspelt is refused instead of carried out", async () => {
    for (const query of ["dryRun=1", "dryRun=TRUE", "dryRun=", "dryrun=true", "dryRun=true&dryRun=true"])
      await untouched(async () => {
        const answer = await call(organisation.admin, "POST", `/agents?${query}`, {
          name: "typo",
          ou: organisation.root,
        });
        expect([query, answer.status]).toEqual([query, 422]);
      });
  });
});

describe("If-Match and ETag", () => {
  test("a change is made only to the version it is meant for", async () => {
    const { admin, root, organisationId } = await makeOrganisation("match");
    const made = await call(admin, "POST", "/agents", { name: "versioned", ou: root });
    expect(made.headers.get("etag")).toBe('"1"');
    const path = `/agents/${made.id}`;
    expect((await call(admin, "GET", path)).headers.get("etag")).toBe('"1"');

    const first = await call(admin, "PATCH", path, { description: "two" }, { "If-Match": '"1"' });
    expect([first.status, first.headers.get("etag")]).toEqual([200, '"2"']);
    const before = await stateOf(organisationId);
    const late = await call(admin, "PATCH", path, { description: "three" }, { "If-Match": '"1"' });
    expect(late.status).toBe(412);
    expect(late.body).toMatchObject({ code: "precondition_failed", current_version: 2 });
    const dry = await call(admin, "PATCH", `${path}?dryRun=true`, { description: "three" }, { "If-Match": '"1"' });
    expect(dry.status).toBe(412);
    expect(await stateOf(organisationId)).toBe(before);
    expect((await call(admin, "PATCH", path, { description: "three" }, { "If-Match": "*" })).status).toBe(200);
    for (const tag of ["3", 'W/"3"', '"x"', '"3", "4"'])
      expect([tag, (await call(admin, "PATCH", path, { description: "no" }, { "If-Match": tag })).status]).toEqual([
        tag,
        400,
      ]);
  });

  test("skills and policies have versions too", async () => {
    const { admin, root } = await makeOrganisation("tags");
    const skill = await call(admin, "POST", "/skills", { name: "s", ou: root, description: "S", content: "# S" });
    const versions = `/skills/${skill.id}/versions`;
    const two = await call(
      admin,
      "POST",
      versions,
      { content: "# 2" },
      { "If-Match": skill.headers.get("etag") ?? "" },
    );
    expect([two.status, two.headers.get("etag")]).toEqual([201, '"2"']);
    expect((await call(admin, "POST", versions, { content: "# 3" }, { "If-Match": '"1"' })).status).toBe(412);

    const policy = await call(admin, "POST", "/approval-policies", { name: "p", ou: root, operations: ["ou.create"] });
    const path = `/approval-policies/${policy.id}`;
    expect((await call(admin, "PATCH", path, { enabled: false }, { "If-Match": '"1"' })).headers.get("etag")).toBe(
      '"2"',
    );
    expect((await call(admin, "PATCH", path, { enabled: true }, { "If-Match": '"1"' })).status).toBe(412);
  });

  test("of eight changes meant for one version, one is made", async () => {
    const { admin, root, organisationId } = await makeOrganisation("race");
    const agent = await admin.make<{ id: string }>("/agents", { name: "raced", ou: root });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        call(admin, "PATCH", `/agents/${agent.id}`, { description: `by ${index}` }, { "If-Match": '"1"' }),
      ),
    );
    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 7 }, () => 412),
    ]);
    const outcomes = (await auditOf(organisationId)).filter((entry) => entry.operation === "agent.update");
    expect(outcomes.filter((entry) => entry.outcome === "applied")).toHaveLength(1);
    expect(outcomes).toHaveLength(8);
  });
});
