import type { ClientBase } from "pg";
import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { type ChainEntry, ChainVerifier, hashEntry } from "../../../core/audit/chain.ts";
import type { AuditBody } from "../../../core/audit/entry.ts";
import { canonicalJson } from "../../../core/canonical.ts";
import type { Tx } from "../../../db/database.ts";
import { appendAudit } from "../../../db/queries/audit.ts";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { asApplication, auditOf, call, inOrganisation, withRole } from "./stage.ts";

interface Verdict {
  intact: boolean;
  entries: number;
  position: number | null;
  reason: string | null;
  head: string | null;
}
const verify = (organisation: TestOrganisation) => organisation.admin.get<Verdict>("/audit/verify");
const body = (id = v7()): AuditBody => ({
  id,
  sub: null,
  act: null,
  delegated_from_session: null,
  operation: "test.append",
  ou: null,
  target: null,
  digest: null,
  rule: null,
  approval_id: null,
  outcome: "applied",
  detail: { text: 'quotes " and \\ and ünïcode € %s \u2028' },
});

/** An organisation with at least six entries. */
async function withEntries(label: string): Promise<TestOrganisation> {
  const organisation = await makeOrganisation(label);
  await asApplication(async (db) => {
    for (let entry = 2; entry <= 6; entry += 1)
      await db.inOrganisation(organisation.organisationId, (tx) => appendAudit(tx, body()));
  });
  return organisation;
}

async function exported({
  admin,
}: TestOrganisation): Promise<{ entries: ChainEntry[]; head: { position: number; hash: string } }> {
  const answer = await fetch(`${sharedStack().apiUrl}/audit/export`, {
    headers: { Authorization: `Bearer ${admin.token}` },
  });
  expect(answer.headers.get("content-type")).toContain("application/jsonl");
  const lines = (await answer.text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  const { head } = lines.pop() as { head: { position: number; hash: string } };
  return { entries: lines as ChainEntry[], head };
}

describe("the audit table", () => {
  let organisation: TestOrganisation;
  beforeAll(async () => {
    organisation = await withEntries("append");
  });

  const statements = [
    "update control_plane_audit set body = '{}'",
    "update control_plane_audit set hash = repeat('0', 64) where position = 2",
    "delete from control_plane_audit where position = 1",
    "truncate control_plane_audit",
  ];

  test.each([
    ...statements,
    "insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash) select current_organisation(), 999, now(), 'x', '{}', 'x', 'x'",
    "update audit_heads set position = 0",
    "delete from audit_heads",
    "alter table control_plane_audit disable trigger all",
    "set session_replication_role = replica",
    "set role powerloom_audit",
  ])("refuses to the application: %s", async (statement) => {
    const before = await auditOf(organisation.organisationId);
    await expect(inOrganisation(organisation.organisationId, (tx) => tx.run(statement))).rejects.toMatchObject({
      code: "42501",
    });
    expect(await auditOf(organisation.organisationId)).toEqual(before);
  });

  test.each(statements)("refuses even to its owner: %s", async (statement) => {
    const before = await auditOf(organisation.organisationId);
    const asOwner = asSuperuser(async (sql) => {
      await sql.query("set role powerloom_audit");
      await sql.query("select set_config('powerloom.organisation', $1, false)", [organisation.organisationId]);
      await sql.query(statement);
    });
    await expect(asOwner).rejects.toThrow("append-only");
    expect(await auditOf(organisation.organisationId)).toEqual(before);
  });

  test("takes one entry in a transaction and not two, whatever settings the application forges", async () => {
    const { organisationId } = organisation;
    const before = (await auditOf(organisationId)).length;
    const append = (tx: Tx) => tx.run("select audit_append($1)", [canonicalJson(body())]);
    const twice = inOrganisation(organisationId, async (tx) => {
      await append(tx);
      await tx.rows("select set_config('powerloom.audited', '', true)");
      await append(tx);
    });
    await expect(twice).rejects.toThrow("a transaction appends one audit entry, not two");
    const declaredTwice = inOrganisation(organisationId, (tx) => {
      appendAudit(tx, body());
      appendAudit(tx, body());
    });
    await expect(declaredTwice).rejects.toThrow("a transaction has one last statement, not two");
    expect(await auditOf(organisationId)).toHaveLength(before);
    // An attempt that was undone does not count.
    await inOrganisation(organisationId, async (tx) => {
      await tx
        .savepoint(async () => {
          await append(tx);
          throw new Error("undone");
        })
        .catch(() => undefined);
      await tx
        .savepoint(() => {
          appendAudit(tx, body());
          return Promise.reject(new Error("undone"));
        })
        .catch(() => undefined);
      appendAudit(tx, body());
    });
    expect(await auditOf(organisationId)).toHaveLength(before + 1);
    expect(await verify(organisation)).toMatchObject({ intact: true });
  });

  test("takes nothing outside an organisation", async () => {
    await expect(asApplication((db) => db.anywhere.rows("select audit_append('{}')"))).rejects.toThrow(
      "outside an organisation",
    );
  });

  test("has no gap and no time running backwards after a hundred appends at once", async () => {
    const { organisationId } = organisation;
    const before = (await auditOf(organisationId)).length;
    await asApplication((db) =>
      Promise.all(
        Array.from({ length: 100 }, () => db.inOrganisation(organisationId, (tx) => appendAudit(tx, body()))),
      ),
    );
    const positions = (await auditOf(organisationId)).map(({ position }) => Number(position));
    expect(positions).toEqual(Array.from({ length: before + 100 }, (_, index) => index + 1));
    const { entries } = await exported(organisation);
    const times = entries.map((entry) => entry.at);
    expect(times).toEqual([...times].sort());
    expect(await verify(organisation)).toMatchObject({ intact: true, entries: before + 100 });
  });

  test("records refusals of actions and reads, too", async () => {
    const viewer = await withRole(organisation, "Viewer");
    await call(viewer, "GET", "/audit/export");
    await call(viewer, "POST", "/groups", { name: "no", ou: organisation.root });
    const refused = (await auditOf(organisation.organisationId)).filter((entry) => entry.outcome === "refused");
    expect(refused).toMatchObject([
      { operation: "audit.export", sub: viewer.id },
      { operation: "group.create", sub: viewer.id },
    ]);
  });
});

describe("an export", () => {
  test("checked offline says what the API says, head included", async () => {
    const organisation = await withEntries("export");
    const { entries, head } = await exported(organisation);
    const verifier = new ChainVerifier();
    expect(entries.every((entry) => verifier.add(entry))).toBe(true);
    const offline = verifier.finish(head);
    const online = await verify(organisation);
    expect(offline).toEqual({ intact: true, entries: online.entries, head: online.head });
    expect(entries.length).toBeGreaterThanOrEqual(6);
  });

  test("is complete while entries keep coming", async () => {
    const organisation = await withEntries("busy");
    const { organisationId } = organisation;
    let busy = true;
    const writing = asApplication(async (db) => {
      while (busy) {
        await db.inOrganisation(organisationId, (tx) => appendAudit(tx, body()));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    for (let round = 0; round < 3; round += 1) {
      const { entries, head } = await exported(organisation);
      const verifier = new ChainVerifier();
      for (const entry of entries) verifier.add(entry);
      expect(verifier.finish(head)).toMatchObject({ intact: true, entries: head.position });
      expect(await verify(organisation)).toMatchObject({ intact: true });
    }
    busy = false;
    await writing;
  });
});

describe("tampering by a superuser, triggers off, is named", () => {
  type Tamper = (sql: ClientBase, id: string) => Promise<unknown>;
  const rehashed = async (sql: ClientBase, id: string, position: number) => {
    const { rows } = await sql.query<{ at_text: string; body: string; previous: string }>(
      "select at_text, body, previous from control_plane_audit where organisation_id = $1 and position = $2",
      [id, position],
    );
    const row = rows[0];
    if (row === undefined) throw new Error("no such entry");
    return hashEntry({ organisation: id, position, at: row.at_text, body: row.body, previous: row.previous });
  };
  const cases: [string, Tamper, number | ((entries: number) => number)][] = [
    [
      "a changed body",
      (sql, id) =>
        sql.query(
          `update control_plane_audit set body = replace(body, 'applied', 'refused') where organisation_id = $1 and position = 3`,
          [id],
        ),
      3,
    ],
    [
      "a changed time",
      (sql, id) =>
        sql.query(
          `update control_plane_audit set at_text = '2020-01-01T00:00:00.000000Z' where organisation_id = $1 and position = 2`,
          [id],
        ),
      2,
    ],
    [
      "a changed hash",
      (sql, id) =>
        sql.query(`update control_plane_audit set hash = repeat('a', 64) where organisation_id = $1 and position = 4`, [
          id,
        ]),
      4,
    ],
    [
      "a changed body with its hash made to fit",
      async (sql, id) => {
        await sql.query(
          `update control_plane_audit set body = replace(body, 'applied', 'refused') where organisation_id = $1 and position = 3`,
          [id],
        );
        await sql.query("update control_plane_audit set hash = $2 where organisation_id = $1 and position = 3", [
          id,
          await rehashed(sql, id, 3),
        ]);
      },
      4,
    ],
    [
      "a deleted entry",
      (sql, id) => sql.query("delete from control_plane_audit where organisation_id = $1 and position = 2", [id]),
      2,
    ],
    [
      "the first one deleted",
      (sql, id) => sql.query("delete from control_plane_audit where organisation_id = $1 and position = 1", [id]),
      1,
    ],
    [
      "two swapped",
      async (sql, id) => {
        for (const [from, to] of [
          [2, 900],
          [3, 2],
          [900, 3],
        ])
          await sql.query("update control_plane_audit set position = $3 where organisation_id = $1 and position = $2", [
            id,
            from,
            to,
          ]);
      },
      2,
    ],
    [
      "the tail cut off",
      (sql, id) => sql.query("delete from control_plane_audit where organisation_id = $1 and position > 4", [id]),
      5,
    ],
    ["all of it gone", (sql, id) => sql.query("delete from control_plane_audit where organisation_id = $1", [id]), 1],
    [
      "the head turned back",
      (sql, id) => sql.query("update audit_heads set position = position - 1 where organisation_id = $1", [id]),
      (entries) => entries,
    ],
    [
      "the head's hash changed",
      (sql, id) => sql.query("update audit_heads set hash = repeat('b', 64) where organisation_id = $1", [id]),
      (entries) => entries,
    ],
    ["the head deleted", (sql, id) => sql.query("delete from audit_heads where organisation_id = $1", [id]), 1],
    [
      "an entry smuggled in behind the head, its hash in order",
      async (sql, id) => {
        await sql.query(
          `insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
           select organisation_id, position + 1, at, at_text, body, hash, '' from control_plane_audit
            where organisation_id = $1 order by position desc limit 1`,
          [id],
        );
        const { rows } = await sql.query<{ last: string }>(
          "select max(position) as last from control_plane_audit where organisation_id = $1",
          [id],
        );
        const last = Number(rows[0]?.last);
        await sql.query("update control_plane_audit set hash = $3 where organisation_id = $1 and position = $2", [
          id,
          last,
          await rehashed(sql, id, last),
        ]);
      },
      (entries) => entries + 1,
    ],
  ];

  test.each(cases)("%s", async (_, tamper, expected) => {
    const organisation = await withEntries("tamper");
    const entries = (await auditOf(organisation.organisationId)).length;
    await asSuperuser(async (sql) => {
      await sql.query("set session_replication_role = replica");
      await tamper(sql, organisation.organisationId);
    });
    const position = typeof expected === "number" ? expected : expected(entries);
    const online = await verify(organisation);
    expect(online).toMatchObject({ intact: false, position, head: null });
    expect(online.reason).toEqual(expect.any(String));

    const { entries: lines, head } = await exported(organisation);
    const verifier = new ChainVerifier();
    for (const line of lines) verifier.add(line);
    expect(verifier.finish(head)).toMatchObject({ intact: false, position, reason: online.reason });
  });
});
