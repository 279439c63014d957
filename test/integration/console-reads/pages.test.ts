import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { call, inOrganisation, withRole } from "../governance/stage.ts";

/** More OUs below one of them than are asked one by one. */
const manyOus = 130;
const rowsEach = 240;

/** Each list, its table, and the OU of a row. */
const lists = {
  "/agents": ["agents", "ou_id", "deleted_at is null"],
  "/users": ["users", "home_ou_id", "true"],
  "/bindings": ["bindings", "ou_id", "true"],
  "/sessions": ["sessions", "ou_id", "true"],
  "/requests": ["operations", "ou_id", "true"],
  "/runs": ["agent_runs", "ou_id", "parent_run_id is null"],
  "/approvals": ["approval_requests", "ou_id", "true"],
} as const;

let organisation: TestOrganisation;
let few: string;
let many: string;
const people: Record<string, Person> = {};

/** Rows spread over all OUs by number: few at the one with few below it, most below the one with many. */
const filled = `
  with ou as (select id, row_number() over (order by path) - 1 as n, count(*) over () as ous from ous),
  numbered as (select i, (select id from ou where ou.n = i * 7 % ou.ous) as ou_id, gen_random_uuid() as id from generate_series(1, ${rowsEach}) i),
  who as (select id from users order by created_at limit 1),
  agent as (
    insert into agents (id, organisation_id, ou_id, name, display_name, description, owner_id, kind, model, system_prompt, sync_state, checked_at)
    select n.id, $1, ou_id, 'paged-' || i, 'Paged', '', who.id, 'user', 'claude-sonnet-4-5', '', 'synced', clock_timestamp()
      from numbered n, who returning id),
  person as (
    insert into users (id, organisation_id, email, display_name, home_ou_id)
    select id, $1, 'paged-' || i || '@pages.test', 'Paged', ou_id from numbered returning id),
  definition as (
    insert into agent_definitions (id, organisation_id, name, version, digest, document)
    values (gen_random_uuid(), $1, 'paged', 1, repeat('0', 64), '{}') returning id),
  run as (
    insert into agent_runs (id, organisation_id, root_run_id, trace_id, definition_id, agent_id, role_id, model_id, ou_id,
      requester_id, pinned, status, input, input_summary, budget, body_digest, started_at, completed_at)
    select n.id, $1, n.id, md5(i::text), d.id, 'planner', 'planner', 'claude-sonnet-4-5', ou_id, who.id, '{}', 'completed', '{}', '',
           '{}', '', clock_timestamp(), clock_timestamp() from numbered n, definition d, who returning id),
  operation as (
    insert into operations (id, organisation_id, name, sub, key_expires_at, body_digest, input, status, ou_id, expires_at, finished_at)
    select 'req_' || replace(n.id::text, '-', ''), $1, 'agent.create', who.id, clock_timestamp(), '', '{}', 'refused', ou_id,
           clock_timestamp(), clock_timestamp() from numbered n, who returning id)
  insert into approval_requests (id, organisation_id, kind, operation, ou_id, requester_id, requirements, digest, diff, status,
    workflow_id, expires_at, decided_at, consumed_at)
  select 'req_' || replace(n.id::text, '-', ''), $1, 'operation', 'agent.create', ou_id, who.id,
         '[{"policyId":null,"policyVersion":null,"policyName":"p","approverRole":"OrgAdmin","approvalsNeeded":1}]', '',
         '{"before":null,"after":{},"summary":""}', 'denied', '', clock_timestamp(), clock_timestamp(), clock_timestamp()
    from numbered n, who`;

beforeAll(async () => {
  organisation = await makeOrganisation("pages");
  const { root, organisationId } = organisation;
  few = await organisation.ou(`${root}/few`);
  await organisation.ou(`${few}/below`);
  many = await organisation.ou(`${root}/many`);
  await inOrganisation(organisationId, async (tx) => {
    await tx.run(
      `insert into ous (id, organisation_id, parent_id, name, display_name, path, ancestors)
       select made.id, $1, o.id, 'n' || n, 'N', o.path || '/n' || n, o.ancestors || made.id
         from ous o, generate_series(1, ${manyOus}) n, lateral (select gen_random_uuid() as id, n as number) made where o.path = $2`,
      [organisationId, many],
    );
    await tx.run(filled, [organisationId]);
    await tx.run(
      `insert into bindings (id, organisation_id, ou_id, role, user_id)
       select gen_random_uuid(), $1, home_ou_id, 'Viewer', id from users where email like 'paged-%'`,
      [organisationId],
    );
    await tx.run(
      `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, status, idle_timeout_seconds, body_digest, ended_at, cleaned_at)
       select id, $1, id, owner_id, '', 'ended', 10, '', clock_timestamp(), clock_timestamp() from agents where name like 'paged-%'`,
      [organisationId],
    );
  });
  people["of few OUs"] = await withRole(organisation, "OrgAdmin", "few", few);
  people["of many OUs"] = await withRole(organisation, "OrgAdmin", "many", many);
  people["of both"] = await withRole(organisation, "OrgAdmin", "both", few);
  await organisation.admin.make("/bindings", { role: "Auditor", ou: many, user: people["of both"].email });
  people["of all"] = await withRole(organisation, "OrgAdmin", "all", root);
});

/** Ids of a list, through all pages of so many. */
async function paged(person: Person, path: string, limit: number, query = ""): Promise<string[]> {
  const ids: string[] = [];
  let cursor = "";
  do {
    const page = await person.get<{ data: { id: string }[]; next_cursor: string | null }>(
      `${path}?limit=${limit}${query}${cursor}`,
    );
    ids.push(...page.data.map(({ id }) => id));
    cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
  } while (cursor !== "");
  return ids;
}

/** What the table has at some OUs and below them. */
function stored(path: keyof typeof lists, roots: readonly string[], within = "/"): Promise<string[]> {
  const [table, ou, condition] = lists[path];
  const order = path === "/agents" || path === "/users" || path === "/bindings" ? "asc" : "desc";
  return inOrganisation(organisation.organisationId, async (tx) =>
    (
      await tx.rows<{ id: string }>(
        `select t.id from ${table} t join ous o on o.id = t.${ou}
          where ${condition} and exists (select from unnest($1::text[]) r where o.path || '/' like r || '/%')
            and o.path || '/' like $2 || '%' order by t.id ${order}`,
        [roots, within],
      )
    ).map(({ id }) => id),
  );
}

describe.each(Object.keys(lists) as (keyof typeof lists)[])("%s", (path) => {
  test.each([
    ["of few OUs", () => [few], 7],
    ["of many OUs", () => [many], 50],
    ["of both", () => [few, many], 50],
    ["of all", () => [organisation.root], 100],
  ] as const)("a page after the other, somebody %s sees what is there, once each", async (who, roots, limit) => {
    const expected = await stored(path, roots());
    expect(expected.length).toBeGreaterThan(2);
    expect(await paged(people[who] as Person, path, limit)).toEqual(expected);
  });

  test("narrowed to an OU, only what is there and below", async () => {
    for (const [who, within] of [
      ["of all", few],
      ["of all", many],
      ["of both", many],
      ["of few OUs", `${few}/below`],
    ] as const) {
      const expected = await stored(path, [organisation.root], `${within}/`);
      expect(expected.length).toBeGreaterThan(0);
      expect(await paged(people[who] as Person, path, 40, `&ou=${encodeURIComponent(within)}`)).toEqual(expected);
    }
  });
});

test("an OU out of sight is as absent as an unknown one", async () => {
  const answer = await call(people["of few OUs"] as Person, "GET", `/agents?ou=${encodeURIComponent(many)}`);
  expect(answer.status).toBe(404);
});
