import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { modes } from "../../../contracts/governance.ts";
import { permissionRequestView, runStatuses, runStepView } from "../../../contracts/runs.ts";
import {
  agentKinds,
  approvalView,
  credentialView,
  mcpServerView,
  requestStatuses,
  sessionStatuses,
  syncStates,
  userView,
} from "../../../contracts/views.ts";
import type { ApprovalStatus } from "../../../core/approval/votes.ts";
import { builtInRoles, roleNames } from "../../../core/authority/roles.ts";
import { assertUnprivileged, openDatabase } from "../../../db/database.ts";
import type { AgentRow } from "../../../db/queries/agents.ts";
import type { ModeRow } from "../../../db/queries/governance.ts";
import type { OperationStatus } from "../../../db/queries/operations.ts";
import type { RunRow, StepRow } from "../../../db/queries/runs.ts";
import type { SessionRow } from "../../../db/queries/sessions.ts";
import { asSuperuser, superuserName } from "../../support/database.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { storeElevation, storeRuns } from "./runs-stage.ts";
import { asApplication, askForApproval, call, inOrganisation, tenantTables } from "./stage.ts";

describe("row-level security", () => {
  let ours: TestOrganisation;
  let theirs: TestOrganisation;
  let tables: string[];
  beforeAll(async () => {
    [ours, theirs] = (await Promise.all(["ours", "theirs"].map((label) => furnished(label)))) as [
      TestOrganisation,
      TestOrganisation,
    ];
    tables = await asSuperuser(tenantTables);
  });

  test("is on, and forced for owners too, for every table of an organisation", async () => {
    expect(tables.length).toBeGreaterThan(20);
    const { rows } = await asSuperuser((sql) =>
      sql.query<{ name: string }>(
        `select c.relname as name from pg_class c where c.relname = any ($1)
            and not (c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid))`,
        [[...tables, "organisations"]],
      ),
    );
    expect(rows).toEqual([]);
  });

  test("shows nothing of another organisation, and takes nothing for it", async () => {
    const filled: string[] = [];
    for (const table of tables) {
      const { rows } = await asSuperuser((sql) =>
        sql.query<{ theirs: string }>(`select count(*) as theirs from ${table} where organisation_id = $1`, [
          theirs.organisationId,
        ]),
      );
      if (Number(rows[0]?.theirs) > 0) filled.push(table);
      const seen = await inOrganisation(ours.organisationId, (tx) =>
        tx.rows<{ organisation_id: string }>(`select distinct organisation_id from ${table}`),
      );
      const foreign = seen.filter((row) => row.organisation_id !== ours.organisationId);
      expect([table, foreign]).toEqual([table, []]);
      const attempt = (statement: string) =>
        inOrganisation(ours.organisationId, (tx) => tx.run(statement)).catch((error: { code?: string }) => error.code);
      const there = theirs.organisationId;
      expect([table, await attempt(`insert into ${table} (organisation_id) values ('${there}')`)]).toEqual([
        table,
        "42501",
      ]);
      // Refused by right or by policy; 0 where there is no row to touch.
      expect(
        [
          await attempt(
            `update ${table} set organisation_id = '${there}' where organisation_id = '${ours.organisationId}'`,
          ),
          await attempt(`update ${table} set organisation_id = organisation_id where organisation_id = '${there}'`),
          await attempt(`delete from ${table} where organisation_id = '${there}'`),
        ].filter((outcome) => outcome !== 0 && outcome !== "42501"),
      ).toEqual([]);
    }
    // The loop above means something only where there was something to see.
    expect(filled).toEqual(
      expect.arrayContaining([
        "agents",
        "agent_definitions",
        "agent_mcp_servers",
        "agent_runs",
        "agent_skills",
        "approval_policies",
        "approval_requests",
        "audit_heads",
        "audit_verdicts",
        "authority_versions",
        "bindings",
        "change_events",
        "control_plane_audit",
        "credentials",
        "elevations",
        "governance_modes",
        "group_members",
        "groups",
        "mcp_servers",
        "operations",
        "ou_budgets",
        "ous",
        "skill_versions",
        "skills",
        "user_groups",
        "users",
      ]),
    );
  });

  test("shows nothing at all while no organisation is set", async () => {
    await asApplication(async (db) => {
      for (const table of [...tables, "organisations"])
        expect([table, await db.anywhere.rows(`select from ${table}`)]).toEqual([table, []]);
    });
  });

  test("a foreign key cannot reach into another organisation", async () => {
    const foreign = await asSuperuser(async (sql) => {
      const { rows } = await sql.query<{ id: string }>("select id from users where organisation_id = $1", [
        theirs.organisationId,
      ]);
      return rows[0]?.id;
    });
    const insert = inOrganisation(ours.organisationId, (tx) =>
      tx.run(
        `insert into bindings (id, organisation_id, ou_id, role, user_id)
         select gen_random_uuid(), $1, id, 'OrgAdmin', $2 from ous limit 1`,
        [ours.organisationId, foreign],
      ),
    );
    await expect(insert).rejects.toMatchObject({ code: "23503" });
  });
});

describe("database roles", () => {
  test("of all our processes own nothing, bypass nothing and are no superusers", async () => {
    // An unknown key makes the API look for a newer one, over the issuer's connection.
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const header = encode({ alg: "EdDSA", typ: "at+jwt", kid: "unknown" });
    const claims = encode({ iss: sharedStack().apiUrl, aud: sharedStack().apiUrl, sub: "x", exp: 9_999_999_999 });
    expect((await call({ token: `${header}.${claims}.${encode({})}` }, "GET", "/me")).status).toBe(401);
    const { rows } = await asSuperuser((sql) =>
      sql.query<{ application: string; role: string; super: boolean; bypass: boolean; creates: boolean; owns: string }>(
        `select a.application_name as application, r.rolname as role, r.rolsuper as super, r.rolbypassrls as bypass,
                r.rolcreaterole or r.rolcreatedb or r.rolreplication as creates,
                (select count(*) from pg_class c where pg_has_role(r.oid, c.relowner, 'member')) as owns
           from pg_stat_activity a join pg_roles r on r.rolname = a.usename
          where a.backend_type = 'client backend' and a.pid <> pg_backend_pid() and a.datname = current_database()
            and a.application_name <> $1`,
        [superuserName],
      ),
    );
    const parts = new Set(rows.map((row) => row.application));
    for (const part of ["powerloom-api", "powerloom-worker", "powerloom-issuer"]) expect(parts).toContain(part);
    for (const row of rows) {
      expect(row).toMatchObject({ super: false, bypass: false, creates: false, owns: "0" });
      expect(row.role).toBe(row.application === "powerloom-issuer" ? "powerloom_issuer" : "powerloom_app");
    }
  });

  test("that could undo the grants are refused at the start", async () => {
    const { databaseUrl, issuerDatabaseUrl, adminUrl } = sharedStack();
    const attempt = async (url: string) => {
      const db = openDatabase(url, { name: "powerloom-test", max: 1 });
      try {
        return await assertUnprivileged(db.pool, "test");
      } finally {
        await db.close();
      }
    };
    await expect(attempt(databaseUrl)).resolves.toBeUndefined();
    await expect(attempt(issuerDatabaseUrl)).resolves.toBeUndefined();
    await expect(attempt(adminUrl)).rejects.toThrow("is a superuser");
    await asSuperuser(async (sql) => {
      await sql.query("create role almost_owner login in role powerloom_owner");
      await sql.query("create role blind login bypassrls");
    });
    try {
      const as = (role: string) => databaseUrl.replace("powerloom_app", role);
      await expect(attempt(as("almost_owner"))).rejects.toThrow("owns table");
      await expect(attempt(as("blind"))).rejects.toThrow("BYPASSRLS");
    } finally {
      await asSuperuser((sql) => sql.query("drop role almost_owner; drop role blind"));
    }
  });

  test("only the issuer's reads signing keys, and it reads nothing else", async () => {
    await asSuperuser(async (sql) => {
      const { rows } = await sql.query<{ grantee: string; table_name: string }>(
        `select distinct r.rolname as grantee, c.relname as table_name from pg_roles r, pg_class c
          where r.rolname like 'powerloom\\_%' and r.rolname <> 'powerloom_owner' and c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p') and has_table_privilege(r.oid, c.oid, 'select')
            and (c.relname = 'signing_keys' or r.rolname = 'powerloom_issuer')`,
      );
      expect(rows).toEqual([{ grantee: "powerloom_issuer", table_name: "signing_keys" }]);
    });
    await asApplication((db) =>
      expect(db.anywhere.rows("select * from signing_keys")).rejects.toMatchObject({ code: "42501" }),
    );
  });
});

describe("what the code and the database call things", () => {
  test.each<[string, string, readonly string[]]>([
    ["operations", "status", requestStatuses],
    ["agents", "sync_state", syncStates],
    ["agents", "kind", agentKinds],
    ["sessions", "status", sessionStatuses],
    ["users", "status", userView.shape.status.options],
    ["mcp_servers", "deployment", mcpServerView.shape.deployment.options],
    ["mcp_servers", "health", mcpServerView.shape.health.options],
    ["credentials", "kind", credentialView.shape.kind.options],
    ["approval_requests", "kind", approvalView.shape.kind.options],
    ["approval_requests", "status", approvalView.shape.status.options],
    ["approval_votes", "decision", approvalView.shape.votes.element.shape.decision.options],
    ["agent_runs", "status", runStatuses],
    ["agent_steps", "step_type", runStepView.shape.type.options],
    ["permission_requests", "decision", permissionRequestView.shape.decision.options],
    ["governance_modes", "mode", modes],
    ["leases", "mode_at_issue", modes],
  ])("%s.%s takes exactly what the contract names", async (table, column, values) => {
    const { rows } = await asSuperuser((sql) =>
      sql.query<{ definition: string }>(
        `select pg_get_constraintdef(oid) as definition from pg_constraint
          where conrelid = $1::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%(' || $2 || ' = ANY (ARRAY[%'`,
        [table, column],
      ),
    );
    const named = rows.flatMap(({ definition }) =>
      [...definition.matchAll(/'(\w+)'::text/g)].map((match) => match[1] ?? ""),
    );
    expect([...new Set(named)].sort()).toEqual([...values].sort());
  });

  test("the types of rows are the contract's", () => {
    expectTypeOf<OperationStatus>().toEqualTypeOf<(typeof requestStatuses)[number]>();
    expectTypeOf<AgentRow["sync_state"]>().toEqualTypeOf<(typeof syncStates)[number]>();
    expectTypeOf<AgentRow["kind"]>().toEqualTypeOf<(typeof agentKinds)[number]>();
    expectTypeOf<RunRow["status"]>().toEqualTypeOf<(typeof runStatuses)[number]>();
    expectTypeOf<StepRow["step_type"]>().toEqualTypeOf<(typeof runStepView.shape.type.options)[number]>();
    expectTypeOf<ModeRow["mode"]>().toEqualTypeOf<(typeof modes)[number]>();
    expectTypeOf<SessionRow["status"]>().toEqualTypeOf<(typeof sessionStatuses)[number]>();
    expectTypeOf<ApprovalStatus>().toEqualTypeOf<(typeof approvalView.shape.status.options)[number]>();
  });

  test("the roles table is the code's", async () => {
    const rows = await asApplication((db) =>
      db.anywhere.rows<{ name: string; description: string; permissions: string[] }>("select * from roles"),
    );
    expect(rows.map((row) => row.name).sort()).toEqual([...roleNames].sort());
    for (const { name, description, permissions } of rows)
      expect(builtInRoles[name as keyof typeof builtInRoles]).toEqual({ description, permissions });
  });
});

/** An organisation with a row in nearly every table. */
async function furnished(label: string): Promise<TestOrganisation> {
  const organisation = await makeOrganisation(label);
  const { admin, root } = organisation;
  const make = (path: string, body: Record<string, unknown>) => admin.make<{ id: string }>(path, body);
  const agent = await make("/agents", { name: "agent", ou: root });
  const skill = await make("/skills", { name: "skill", ou: root, description: "S", content: "#" });
  const server = await make("/mcp-servers", { name: "server", ou: root, url: "https://s.example/mcp" });
  await make(`/agents/${agent.id}/skills`, { skill_id: skill.id });
  await make(`/agents/${agent.id}/mcp-servers`, { mcp_server_id: server.id });
  await make(`/agents/${agent.id}/credentials`, { mcp_server_id: server.id });
  const group = await make("/groups", { name: "group", ou: root });
  await make(`/groups/${group.id}/members`, { user: admin.email });
  await admin.make("/governance/mode", { mode: "READ_ONLY", reason: "Stocktaking" });
  const [ou] = (await admin.get<{ data: { id: string }[] }>("/ous")).data;
  await admin.make(`/ous/${ou?.id}/budget`, { tokens_limit: 1000 });
  const { principal_id: requesterId } = await admin.get<{ principal_id: string }>("/me");
  await inOrganisation(organisation.organisationId, async (tx) => {
    const [run = ""] = await storeRuns(tx, [{ ouId: ou?.id ?? "", requesterId, budget: { tokens: 1 } }]);
    await storeElevation(tx, run);
  });
  await admin.get("/audit/verify");
  await make("/approval-policies", { name: "policy", ou: root, operations: ["ou.create"] });
  await askForApproval(admin, "/ous", { parent: root, name: "pending" });
  return organisation;
}
