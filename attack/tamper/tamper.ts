import { Client } from "pg";
import { v7 } from "uuid";
import { type ChainEntry, ChainVerifier } from "../../core/audit/chain.ts";
import { openDatabase, type Sql } from "../../db/database.ts";
import { appendAudit, readWholeChain } from "../../db/queries/audit.ts";
import { newOrganisation, seededRandom, type TestOrganisation } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import { countOf, type Effort, type Report } from "../report.ts";
import { type Expected, edits, type Target } from "./edits.ts";
import { tryAsApplication } from "./refusals.ts";
import { type Verdicts, verdictsOn } from "./verdicts.ts";

const length = 30;
const generated = ["entry", "trace_id", "request_id"];

/**
 * Edits of the audit table by somebody whom neither grants nor triggers stop, one after the other on a chain that is put back in
 * between: each must be named, alike by everybody who verifies; what no chain can show must be said, and shown by a checkpoint.
 */
export async function attackAudit(arena: Arena, { seed, rounds }: Effort): Promise<Report> {
  const random = seededRandom(seed);
  const victim = await newOrganisation("tamper", arena);
  const stranger = await newOrganisation("tamper-other", arena);
  for (const organisation of [victim, stranger]) await fill(arena, organisation, random);
  const violations: string[] = [];
  const outcomes = new Map<string, string[]>();
  const sql = new Client({ connectionString: arena.adminUrl });
  const application = new Client({ connectionString: arena.databaseUrl });
  await Promise.all([sql.connect(), application.connect()]);
  try {
    const entries = await chainOf(sql, victim.organisationId);
    const checkpoint = `${entries.length}:${entries.at(-1)?.hash}`;
    const whole = await verdictsOn(arena.apiUrl, victim.admin, checkpoint);
    for (const violation of misjudged(whole, { intact: true, brokenByCheckpoint: null }))
      violations.push(`before any edit: ${violation}`);

    const names = Object.keys(edits);
    for (let round = 0; round < rounds; round += 1) {
      const name = names[round % names.length] ?? "";
      const position = 1 + Math.floor(random() * (entries.length - 1));
      const later = position + 1 + Math.floor(random() * (entries.length - position));
      const target = {
        organisationId: victim.organisationId,
        otherId: stranger.organisationId,
        entries,
        position,
        later,
        random,
      };
      const expected = await tamper(sql, name, target);
      try {
        const verdicts = await verdictsOn(arena.apiUrl, victim.admin);
        const found = misjudged(verdicts, expected);
        if ("intact" in expected) found.push(...(await againstCheckpoint(arena, victim, checkpoint, expected)));
        violations.push(...found.map((violation) => `edit ${round}, ${name} at ${position}: ${violation}`));
        const outcome = "broken" in expected ? "named with its position" : "said to stay unseen, shown by a checkpoint";
        outcomes.set(name, [...(outcomes.get(name) ?? []), found.length === 0 ? outcome : "NOT as it must be"]);
      } finally {
        await restore(sql, target, checkpoint);
      }
    }
    violations.push(...(await columnsMadePlain(sql, victim.organisationId, entries, random)));
    const refused = await tryAsApplication(application, victim.organisationId);
    violations.push(...refused.violations);
    const kept = await verdictsOn(arena.apiUrl, victim.admin, checkpoint);
    if (!kept.api.intact) violations.push(`the chain was not put back: ${JSON.stringify(kept.api)}`);
    return {
      tallies: [
        ...[...outcomes].map(([what, said]) => ({ what, tried: said.length, outcome: countOf(said) })),
        {
          what: "a generated column made a plain one, and changed",
          tried: generated.length,
          outcome: "named with its position",
        },
        {
          what: "statements by which the application's role would write history",
          tried: refused.tried,
          outcome: `refused ${refused.tried - refused.violations.length}`,
        },
      ],
      violations,
    };
  } finally {
    await Promise.all([sql.end(), application.end()]);
  }
}

async function fill(arena: Arena, { organisationId }: TestOrganisation, random: () => number): Promise<void> {
  const db = openDatabase(arena.databaseUrl, { name: "powerloom-attack", max: 2 });
  try {
    for (let made = 1; made < length; made += 1)
      await db.inOrganisation(organisationId, (tx) =>
        appendAudit(tx, {
          id: v7(),
          sub: null,
          act: null,
          delegated_from_session: null,
          operation: "attack.append",
          ou: null,
          target: `attack:${made}`,
          digest: null,
          rule: null,
          approval_id: random() < 0.5 ? `req_${made}` : null,
          outcome: "applied",
          detail: { text: `ä "quoted" \\ ${random()}`, trace_id: made.toString(16).padStart(32, "0") },
        }),
      );
  } finally {
    await db.close();
  }
}

/** The chain as the product reads it, over any connection. */
async function chainOf(sql: Client, organisationId: string): Promise<ChainEntry[]> {
  const asked: Sql = {
    rows: async <Row>(text: string, values?: unknown[]) =>
      // The head is read without naming the organisation: row-level security does, which a superuser is not under.
      (
        await sql.query(
          text.replace("from audit_heads", `from audit_heads where organisation_id = '${organisationId}'`),
          values,
        )
      ).rows as Row[],
    maybe: async <Row>(text: string, values?: unknown[]) => (await asked.rows(text, values))[0] as Row | undefined,
    run: async (text, values) => (await sql.query(text, values)).rowCount ?? 0,
  };
  const entries: ChainEntry[] = [];
  for await (const page of readWholeChain((query) => query(asked), organisationId)) entries.push(...page);
  return entries;
}

async function tamper(sql: Client, name: string, target: Target): Promise<Expected> {
  await sql.query("begin");
  await sql.query("set local session_replication_role = replica");
  const expected = await edits[name]?.(sql, target);
  await sql.query("commit");
  if (expected === undefined) throw new Error(`there is no edit ${name}`);
  return expected;
}

/** Puts the chain and its head back as they were. */
async function restore(sql: Client, { organisationId, otherId, entries }: Target, checkpoint: string): Promise<void> {
  const [position, hash] = checkpoint.split(":");
  await sql.query("begin");
  await sql.query("set local session_replication_role = replica");
  await sql.query(
    "delete from control_plane_audit where organisation_id = $1 or (organisation_id = $2 and position >= 1000000)",
    [organisationId, otherId],
  );
  await sql.query(
    `insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
     select $1, e.position, e.at::timestamptz, e.at, e.body, e.previous, e.hash
       from jsonb_to_recordset($2) as e (position bigint, at text, body text, previous text, hash text)`,
    [organisationId, JSON.stringify(entries)],
  );
  await sql.query("delete from audit_heads where organisation_id = $1", [organisationId]);
  await sql.query("insert into audit_heads values ($1, $2, $3, '0')", [organisationId, position, hash]);
  await sql.query("commit");
}

/** What is wrong with what was said, compared with what had to be. */
function misjudged({ api, cli, offline, words }: Verdicts, expected: Expected): string[] {
  const wrong: string[] = [];
  const said = JSON.stringify(api);
  for (const [who, verdict] of Object.entries({ "the command": cli, "the export": offline }))
    if (JSON.stringify(verdict, Object.keys(api)) !== said)
      wrong.push(`${who} says ${JSON.stringify(verdict)}, the API ${said}`);
  if ("broken" in expected) {
    if (api.intact || api.position !== expected.broken) wrong.push(`not broken at ${expected.broken}: ${said}`);
    if (!words.includes(`Broken at position ${expected.broken}`)) wrong.push(`the words do not say where: ${words}`);
  } else if (!api.intact) wrong.push(`not intact: ${said}`);
  return wrong;
}

/** Without the checkpoint verify has to say what it cannot show; with it, it has to show it. */
async function againstCheckpoint(
  arena: Arena,
  { admin }: TestOrganisation,
  checkpoint: string,
  { brokenByCheckpoint }: Extract<Expected, { intact: true }>,
): Promise<string[]> {
  const alone = await verdictsOn(arena.apiUrl, admin);
  const wrong = alone.words.includes("would not show") ? [] : [`nothing says what stays unseen: ${alone.words}`];
  const compared = await verdictsOn(arena.apiUrl, admin, checkpoint);
  if (brokenByCheckpoint !== null) return [...wrong, ...misjudged(compared, { broken: brokenByCheckpoint })];
  const covers = compared.words.includes(`entries after ${checkpoint.split(":")[0]}`);
  if (!covers) wrong.push(`nothing says what the checkpoint does not cover: ${compared.words}`);
  return [...wrong, ...misjudged(compared, { intact: true, brokenByCheckpoint })];
}

/** The owner can make a generated column a plain one. Undone each time: the table is everybody's. */
async function columnsMadePlain(
  sql: Client,
  organisationId: string,
  entries: readonly ChainEntry[],
  random: () => number,
): Promise<string[]> {
  const violations: string[] = [];
  for (const column of generated) {
    const position = 1 + Math.floor(random() * entries.length);
    await sql.query("begin");
    await sql.query("set local session_replication_role = replica");
    await sql.query(`alter table control_plane_audit alter column ${column} drop expression`);
    await sql.query(
      `update control_plane_audit set ${column} = ${column === "entry" ? '\'{"outcome": "refused"}\'' : "'forged'"}
        where organisation_id = $1 and position = $2`,
      [organisationId, position],
    );
    const verifier = new ChainVerifier();
    for (const entry of await chainOf(sql, organisationId)) verifier.add(entry);
    await sql.query("rollback");
    const verdict = verifier.finish();
    if (verdict.intact || verdict.position !== position || !verdict.reason.includes(column))
      violations.push(`${column} changed at ${position}: ${JSON.stringify(verdict)}`);
  }
  return violations;
}
