import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { approvalKinds, approvalStatuses } from "../../../contracts/views.ts";
import { approverRoles, asksOneOf, type Requirement } from "../../../core/approval/votes.ts";
import { builtInRoles, type RoleName } from "../../../core/authority/roles.ts";
import type { Person } from "../../../demo/api.ts";
import { makeOrganisation, seededRandom, type TestOrganisation, testSeed } from "../../support/organisation.ts";
import { call, expireBindingsOf, inOrganisation, withRole } from "../governance/stage.ts";

interface Approval {
  id: string;
  status: string;
  kind: string;
  operation: string;
  expires_at: string;
  can_vote: boolean;
}
interface Summary {
  by_status: Record<string, number>;
  pending: {
    total: number;
    mine: number;
    expiring: number;
    by_kind: Record<string, number>;
    by_operation: { operation: string; count: number }[];
  };
}

const roles = ["OrgAdmin", "Approver", "AgentBuilder"];
const operations = ["ou.create", "agent.create", "run.tool_call"];

let organisation: TestOrganisation;
let people: (Person & { id: string })[];

/** Many requests of every sort at once: any OU, any requirement, any state, some voted on, some over. */
beforeAll(async () => {
  organisation = await makeOrganisation("votable");
  const { root, organisationId } = organisation;
  const sales = await organisation.ou(`${root}/sales`);
  const north = await organisation.ou(`${sales}/north`);
  const hr = await organisation.ou(`${root}/hr`);
  people = await Promise.all([
    withRole(organisation, "OrgAdmin", "chief", root),
    withRole(organisation, "Approver", "seller", sales),
    organisation.person("both", {
      roles: [
        { role: "AgentBuilder", ou: north },
        { role: "OrgAdmin", ou: hr },
      ],
    }),
    organisation.person("nobody"),
    // A role that requests ask, and that lets nobody read approvals.
    withRole(organisation, "AgentBuilder", "builder", sales),
  ]);
  const random = seededRandom(testSeed());
  const one = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;
  await inOrganisation(organisationId, async (tx) => {
    const ous = await tx.rows<{ id: string; ancestors: string[] }>("select id, ancestors from ous");
    const voted: [string, string][] = [];
    for (let made = 0; made < 300; made += 1) {
      const requirements = Array.from({ length: 1 + Math.floor(random() * 2) }, (): Requirement => {
        const elsewhere = one([undefined, undefined, [], one(ous).ancestors]);
        return {
          policyId: null,
          policyVersion: null,
          policyName: one(["a", "b"]),
          approverRole: one(roles),
          approvalsNeeded: 2,
          ...(elsewhere === undefined ? {} : { alsoAt: elsewhere }),
        };
      });
      const id = `req_${v7()}`;
      const status = one(["pending", "pending", "pending", ...approvalStatuses]);
      await tx.run(
        `insert into approval_requests (id, organisation_id, kind, operation, ou_id, requester_id, requirements, digest, diff,
           status, workflow_id, expires_at, decided_at, consumed_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'd', '{"before": null, "after": null, "summary": "s"}', $8, 'none',
           clock_timestamp() + make_interval(hours => $9), case when $8 <> 'pending' then clock_timestamp() end, clock_timestamp())`,
        [
          id,
          organisationId,
          one(approvalKinds),
          one(operations),
          one(ous).id,
          one(people).id,
          JSON.stringify(requirements),
          status,
          one([-1, 1, 23, 25, 100]),
        ],
      );
      if (random() < 0.2) voted.push([id, one(people).id]);
    }
    for (const [request, voter] of voted)
      await tx.run(
        "insert into approval_votes (organisation_id, request_id, principal_id, decision, roles, digest) values ($1, $2, $3, 'approve', '{}', 'd')",
        [organisationId, request, voter],
      );
  });
});

async function all(person: Person, query = ""): Promise<Approval[]> {
  const rows: Approval[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: { data: Approval[]; next_cursor: string | null } = await person.get(
      `/approvals?limit=70${query}${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    rows.push(...page.data);
    cursor = page.next_cursor;
  }
  return rows;
}

describe.each([0, 1, 2, 3, 4])("for person %i", (index) => {
  const person = () => people[index] as Person;

  test("what they may vote on is what a vote of theirs would be taken for", async () => {
    const rows = await all(person());
    const votable = rows.filter((row) => row.can_vote).map(({ id }) => id);
    expect((await all(person(), "&mine=true")).map(({ id }) => id)).toEqual(votable);
    if (index !== 3) expect(votable.length).toBeGreaterThan(3);
    // The vote has the last word. Its digest is wrong on purpose, which only those are told whose vote would count.
    for (const { id, can_vote } of rows.slice(0, 60)) {
      const vote = { decision: "approve", digest: "0".repeat(64) };
      const { body } = await call(person(), "POST", `/approvals/${id}/votes`, vote);
      expect([id, String(body["detail"]).startsWith("the digest is not the one")]).toEqual([id, can_vote]);
    }
  });

  test("they see their own, what they may read where it is about, and what asks for a role of theirs", async () => {
    const { id } = people[index] as { id: string };
    const { rows, held } = await inOrganisation(organisation.organisationId, async (tx) => ({
      rows: await tx.rows<{ id: string; requester_id: string; requirements: Requirement[]; ancestors: string[] }>(
        "select r.id, requester_id, requirements, ancestors from approval_requests r join ous o on o.id = r.ou_id order by r.id desc",
      ),
      held: await tx.rows<{ role: RoleName; ou_id: string }>("select role, ou_id from bindings where user_id = $1", [
        id,
      ]),
    }));
    const readers = held.filter(({ role }) =>
      (builtInRoles[role].permissions as readonly string[]).includes("approval:read"),
    );
    const seen = rows.filter(({ requester_id, requirements, ancestors }) => {
      const about = [...ancestors, ...requirements.flatMap(({ alsoAt = [] }) => alsoAt)];
      const asked = asksOneOf(requirements, approverRoles(held, ancestors, requirements));
      return requester_id === id || asked || readers.some(({ ou_id }) => about.includes(ou_id));
    });
    expect((await all(person())).map((row) => row.id)).toEqual(seen.map((row) => row.id));
    if (index === 4) expect(seen.length).toBeGreaterThan(seen.filter((row) => row.requester_id === id).length + 10);
    for (const row of rows.slice(0, 40)) {
      const { status } = await call(person(), "GET", `/approvals/${row.id}`);
      expect([row.id, status]).toEqual([row.id, seen.includes(row) ? 200 : 404]);
    }
  });

  test("what is decided is what does not wait any more, whatever has become of it", async () => {
    const decided = (await all(person())).filter(({ status }) => status !== "pending");
    expect(await all(person(), "&status=decided")).toEqual(decided);
    expect(await all(person(), "&status=decided&mine=true")).toEqual([]);
  });

  test("the summary counts what the list shows", async () => {
    const [rows, summary] = await Promise.all([all(person()), person().get<Summary>("/approvals/summary")]);
    const pending = rows.filter(({ status }) => status === "pending");
    const left = (row: Approval) => Date.parse(row.expires_at) - Date.now();
    const count = (of: Approval[], field: "status" | "kind", value: string) =>
      of.filter((row) => row[field] === value).length;
    expect(summary).toEqual({
      by_status: Object.fromEntries(approvalStatuses.map((status) => [status, count(rows, "status", status)])),
      pending: {
        total: pending.length,
        mine: pending.filter((row) => row.can_vote).length,
        expiring: pending.filter((row) => left(row) > 0 && left(row) <= 24 * 3_600_000).length,
        by_kind: Object.fromEntries(approvalKinds.map((kind) => [kind, count(pending, "kind", kind)])),
        by_operation: expect.any(Array),
      },
    });
    const counted = Object.fromEntries(summary.pending.by_operation.map(({ operation, count }) => [operation, count]));
    const expected: Record<string, number> = {};
    for (const { operation } of pending) expected[operation] = (expected[operation] ?? 0) + 1;
    expect(counted).toEqual(expected);
    const counts = summary.pending.by_operation.map((entry) => entry.count);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
  });
});

describe.each([
  { who: "sees all", index: 0, table: "approval_tallies", where: "true" },
  {
    who: "sees some OUs",
    index: 1,
    table: "approval_ou_tallies",
    where: "ou_id = (select id from ous where name = 'sales')",
  },
])("of somebody who $who", ({ index, table, where }) => {
  const person = () => people[index] as Person;
  const sql = <Row>(text: string) =>
    inOrganisation(organisation.organisationId, (tx) => tx.rows<Row & Record<string, unknown>>(text));
  const statuses = async () => {
    const rows = await all(person());
    return Object.fromEntries(approvalStatuses.map((one) => [one, rows.filter(({ status }) => status === one).length]));
  };
  /** Small change that comes to nothing. */
  const scatter = () =>
    sql(
      `insert into ${table} select (jsonb_populate_record(null::${table}, to_jsonb(t) || jsonb_build_object('change', n.change))).*
         from (select * from ${table} where ${where} limit 1) t,
              (select change from generate_series(1, 400), unnest(array[1, -1]) change) n`,
    );
  const stored = async () => (await sql(`select from ${table}`)).length;

  test("what the summary counts follows every change, and is the same when its small change has been added up", async () => {
    const before = await statuses();
    const mine = (await all(person(), "&status=pending")).slice(0, 5).map(({ id }) => `'${id}'`);
    expect(mine.length).toBe(5);
    await sql(
      `update approval_requests set status = 'cancelled', decided_at = clock_timestamp() where id in (${mine.join()})`,
    );
    await scatter();
    const first = await person().get<Summary>("/approvals/summary");
    expect(first.by_status).toEqual(await statuses());
    expect(first.by_status["cancelled"]).toBe((before["cancelled"] ?? 0) + 5);
    const gathered = await stored();
    expect(gathered).toBeLessThan(400);
    await scatter();
    expect(await stored()).toBe(gathered + 800);
    // Several at once: each change is counted once.
    for (const summary of await Promise.all([1, 2, 3, 4].map(() => person().get<Summary>("/approvals/summary"))))
      expect(summary).toEqual(first);
    expect(await person().get<Summary>("/approvals/summary")).toEqual(first);
    expect(await stored()).toBe(gathered);
  });
});

test("another organisation's requests are in nobody's summary", async () => {
  const stranger = await makeOrganisation("votable-other");
  const { by_status, pending } = await stranger.admin.get<Summary>("/approvals/summary");
  expect([...Object.values(by_status), pending.total, pending.mine].every((count) => count === 0)).toBe(true);
  expect(await all(stranger.admin, "&mine=true")).toEqual([]);
});

test("an approver whose role is taken away sees no more than what they have asked for themselves", async () => {
  const { root } = organisation;
  const was = await withRole(organisation, "AgentBuilder", "was-builder", root);
  const [before] = await all(was);
  expect(before).toBeDefined();
  await expireBindingsOf(was);
  expect(await all(was)).toEqual([]);
  expect(await call(was, "GET", `/approvals/${before?.id}`)).toMatchObject({ status: 404 });
  const { by_status } = await was.get<Summary>("/approvals/summary");
  expect(Object.values(by_status).every((count) => count === 0)).toBe(true);
});
