import { expect, test } from "vitest";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation } from "../../support/organisation.ts";
import { call, expireBindingsOf, inOrganisation, withRole } from "../governance/stage.ts";

interface Verified {
  verdict: Record<string, unknown> | null;
  entries: number;
}

test("what a verification found is remembered, with who asked and when, for auditors of the whole organisation", async () => {
  const organisation = await makeOrganisation("verdicts");
  const { admin, root, organisationId } = organisation;
  const auditor = await withRole(organisation, "Auditor", "auditor");
  const elsewhere = await withRole(organisation, "Auditor", "elsewhere", await organisation.ou(`${root}/sales`));
  const stranger = await makeOrganisation("verdicts-other");
  const verified = () => auditor.get<Verified>("/audit/verified");

  const { verdict: none, entries } = await verified();
  expect(none).toBeNull();
  const found = await auditor.get<{ head: string }>("/audit/verify");
  expect((await verified()).verdict).toEqual({
    intact: true,
    entries,
    position: null,
    reason: null,
    head: found.head,
    at: expect.stringMatching(/Z$/),
    by: auditor.id,
    by_email: auditor.email,
  });
  await admin.make("/groups", { name: "more", ou: root });
  expect(await verified()).toMatchObject({ entries: entries + 1, verdict: { entries } });

  // Somebody who can do anything breaks an entry: that is found, and remembered as it was found.
  await asSuperuser(async (sql) => {
    await sql.query("alter table control_plane_audit disable trigger append_only");
    await sql.query("update control_plane_audit set at_text = 'x' where organisation_id = $1 and position = 2", [
      organisationId,
    ]);
    await sql.query("alter table control_plane_audit enable trigger append_only");
  });
  await admin.get("/audit/verify");
  expect((await verified()).verdict).toMatchObject({
    intact: false,
    position: 2,
    entries: 1,
    head: null,
    reason: "the entry's content does not match its hash",
    by_email: admin.email,
  });

  expect((await stranger.admin.get<Verified>("/audit/verified")).verdict).toBeNull();
  for (const path of ["/audit/verified", "/audit/verify"]) {
    expect((await call(elsewhere, "GET", path)).status).toBe(403);
    const plain = await organisation.person(path.slice(7));
    expect((await call(plain, "GET", path)).status).toBe(403);
  }
  await expireBindingsOf(auditor);
  expect((await call(auditor, "GET", "/audit/verified")).status).toBe(403);

  for (const change of ["update audit_verdicts set intact = true", "delete from audit_verdicts"])
    await expect(inOrganisation(organisationId, (tx) => tx.run(change))).rejects.toMatchObject({ code: "42501" });
});
