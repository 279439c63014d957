import type { Sql, Tx } from "../database.ts";
import {
  type ApprovalReader,
  type ApprovalRow,
  approvalList,
  approvalSights,
  type Counted,
  isVotable,
  sightsBesides,
} from "./approvals.ts";
import { areEverything, areSeen, type Hold, isBelow } from "./sights.ts";

/** Requests that are alike. */
export interface ApprovalTally {
  status: ApprovalRow["status"];
  kind: ApprovalRow["kind"];
  operation: string;
  count: number;
}

export interface ApprovalCounts {
  tallies: ApprovalTally[];
  /** That wait, and run out before the given time. */
  expiring: number;
  /** That the person may vote on now. */
  votable: number;
  /** The tallies have become many: this makes them few, and they still come to the same, for everybody at any moment. */
  gather?: (tx: Tx) => Promise<void>;
}

/** Somebody who counts. */
export interface Counting {
  reader: ApprovalReader;
  /** What their roles count for. */
  counted: readonly Counted[];
  now: Date;
  soon: Date;
}

/**
 * Counts the requests that a person sees. Those of OUs are told by tallies, of the organisation or of each OU; only what waits
 * there, and what the person sees for another reason, is read.
 */
export async function countApprovals(sql: Sql, counting: Counting): Promise<ApprovalCounts> {
  return (await areEverything(sql, counting.reader.roots)) ? countAll(sql, counting) : countSeen(sql, counting);
}

/** Rows beyond those that tallies need at least before they are added up. */
const mostScattered = 500;

interface TallyRow extends ApprovalTally {
  digest: string | null;
  rows: number;
}

async function countAll(sql: Sql, counting: Counting): Promise<ApprovalCounts> {
  const { now, soon } = counting;
  const [rows, expiring] = await Promise.all([
    sql.rows<TallyRow>(
      `select status, kind, operation, requirements_digest as digest, sum(change)::integer as count, count(*)::integer as rows
         from approval_tallies group by status, kind, operation, requirements_digest`,
    ),
    sql.maybe<{ count: number }>(
      `select count(*)::integer as count from approval_requests
        where status = 'pending' and expires_at > $1 and expires_at <= $2`,
      [now, soon],
    ),
  ]);
  return {
    tallies: rows,
    expiring: expiring?.count ?? 0,
    votable: await countVotable(sql, counting, rows),
    ...(rows.reduce((sum, one) => sum + one.rows - 1, 0) > mostScattered ? { gather: gatherAll } : {}),
  };
}

/** Of what waits and their roles count for, all but their own, what they have voted on, and what has run out. */
async function countVotable(sql: Sql, { reader, counted, now }: Counting, rows: readonly TallyRow[]): Promise<number> {
  const { principalId } = reader;
  const anywhere = await Promise.all(
    counted.map(async ({ roots }) => roots === "anywhere" || (await areEverything(sql, roots))),
  );
  if (!anywhere.every(Boolean)) {
    const values: unknown[] = [];
    const votable = await isVotable(sql, principalId, counted, now, (value) => `$${values.push(value)}`);
    const row = await sql.maybe<{ count: number }>(
      `select count(*)::integer as count from approval_requests r where ${votable}`,
      values,
    );
    return row?.count ?? 0;
  }
  const digests = counted.flatMap((one) => one.digests);
  // Ids are in the order of time: votes on what came before all that waits are not looked at.
  const excluded = await sql.maybe<{ count: number }>(
    `select count(*)::integer as count from approval_requests
      where status = 'pending' and requirements_digest = any ($1::text[]) and id = any (array(
        select id from approval_requests where status = 'pending' and requester_id = $2
        union select id from approval_requests where status = 'pending' and expires_at <= $3
        union select request_id from approval_votes where principal_id = $2
                 and request_id >= (select min(id) from approval_requests where status = 'pending')))`,
    [digests, principalId, now],
  );
  const asked = rows.filter(({ status, digest }) => status === "pending" && digests.includes(digest ?? ""));
  return asked.reduce((sum, { count }) => sum + count, 0) - (excluded?.count ?? 0);
}

interface SeenTally extends ApprovalTally {
  /** Rows of tallies beyond one for each OU. */
  scattered: number;
}

async function countSeen(sql: Sql, { reader, counted, now, soon }: Counting): Promise<ApprovalCounts> {
  const [tallies, waiting] = await Promise.all([
    tallySeen(sql, reader),
    countWaiting(sql, { reader, counted, now, soon }),
  ]);
  const scattered = tallies.reduce((sum, one) => sum + one.scattered, 0) > mostScattered;
  return { tallies, ...waiting, ...(scattered ? { gather: (tx: Tx) => gatherBelow(tx, reader.roots) } : {}) };
}

const requests = { ...approvalList, from: "from approval_requests r" };

/** By OU, and one by one those that are seen elsewhere. */
async function tallySeen(sql: Sql, reader: ApprovalReader): Promise<SeenTally[]> {
  const values: unknown[] = [];
  const hold: Hold = (value) => `$${values.push(value)}`;
  const below = await isBelow(sql, "ou_id", reader.roots, hold);
  const besides = await areSeen(sql, requests, sightsBesides(reader, hold), hold, { where: "true" });
  return sql.rows<SeenTally>(
    `select status, kind, operation, sum(change)::integer as count,
            (count(tallied) - count(distinct tallied))::integer as scattered
       from (select status, kind, operation, change, ou_id as tallied from approval_ou_tallies where ${below}
             union all
             select status, kind, operation, 1, null from approval_requests r where not (${below}) and ${besides}) counted
      group by status, kind, operation`,
    values,
  );
}

async function countWaiting(
  sql: Sql,
  { reader, counted, now, soon }: Counting,
): Promise<Pick<ApprovalCounts, "expiring" | "votable">> {
  const values: unknown[] = [];
  const hold: Hold = (value) => `$${values.push(value)}`;
  const votable = await isVotable(sql, reader.principalId, counted, now, hold);
  const waits = "r.status = 'pending'";
  const seen = await areSeen(sql, requests, approvalSights(reader, hold), hold, { where: waits });
  const row = await sql.maybe<{ expiring: number; votable: number }>(
    `select (count(*) filter (where r.expires_at > ${hold(now)} and r.expires_at <= ${hold(soon)}))::integer as expiring,
            (count(*) filter (where ${votable}))::integer as votable
       from approval_requests r where ${waits} and ${seen}`,
    values,
  );
  return row ?? { expiring: 0, votable: 0 };
}

/**
 * SQL: nobody else adds up right now. Two who did would delete the same rows in different orders, each waiting for the other;
 * who comes second has nothing to do.
 */
const alone = "(select pg_try_advisory_xact_lock(hashtextextended('approval_tallies ' || current_organisation(), 0)))";

async function gatherAll(tx: Tx): Promise<void> {
  await tx.run(
    `with gone as (delete from approval_tallies where ${alone} returning *)
     insert into approval_tallies
     select organisation_id, status, kind, operation, requirements_digest, sum(change) from gone
      group by organisation_id, status, kind, operation, requirements_digest having sum(change) <> 0`,
  );
}

async function gatherBelow(tx: Tx, roots: readonly string[]): Promise<void> {
  const values: unknown[] = [];
  const below = await isBelow(tx, "ou_id", roots, (value) => `$${values.push(value)}`);
  await tx.run(
    `with gone as (delete from approval_ou_tallies where ${alone} and ${below} returning *)
     insert into approval_ou_tallies
     select organisation_id, ou_id, status, kind, operation, sum(change) from gone
      group by organisation_id, ou_id, status, kind, operation having sum(change) <> 0`,
    values,
  );
}
