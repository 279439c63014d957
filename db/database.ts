import type { Duplex } from "node:stream";
import { Pool, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from "pg";
import { PowerloomError } from "../core/errors.ts";

/** Runs SQL. Both a transaction and a plain connection can. */
export interface Sql {
  /** All rows. */
  rows<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** The first row, or undefined. */
  maybe<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row | undefined>;
  /** How many rows were changed. */
  run(text: string, values?: unknown[]): Promise<number>;
}

/** A transaction inside one organisation: row-level security shows and takes only its rows. */
export interface Tx extends Sql {
  readonly organisationId: string;
  /** Runs `body`; when it throws, what it did is undone and the transaction goes on. */
  savepoint<Result>(body: () => Promise<Result>): Promise<Result>;
  /**
   * Sends a statement without waiting for it: it runs before whatever is sent after it, and its failure is the
   * transaction's. For changes that nobody needs an answer to.
   */
  send(text: string, values: unknown[]): void;
  /**
   * A statement to run last, sent together with the commit: what it locks is held for one round trip less. Its failure is
   * the transaction's. One per transaction.
   */
  atCommit(text: string, values: unknown[]): void;
}

export interface Database {
  /** One READ COMMITTED transaction inside an organisation. */
  inOrganisation<Result>(
    organisationId: string,
    body: (tx: Tx) => Result | Promise<Result>,
    limits?: { statementMs?: number; lockMs?: number },
  ): Promise<Result>;
  /** The same for questions only: PostgreSQL refuses changes, and the answer does not wait for the end. */
  readOrganisation<Result>(organisationId: string, body: (sql: Sql) => Promise<Result>): Promise<Result>;
  /** Questions asked before the organisation is known; only the look-up functions answer them. */
  anywhere: Sql;
  pool: Pool;
  close(): Promise<void>;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A pool of connections as the application's role. */
export function openDatabase(url: string, options: { max?: number; name: string }): Database {
  const pool = new Pool({
    connectionString: url,
    max: options.max ?? 20,
    application_name: options.name,
    connectionTimeoutMillis: 5_000,
    // Statements that need not wait for each other's answers share a write.
    pipeline: true,
  });
  // An idle connection that breaks (server restart) must not end the process: the pool replaces it.
  pool.on("error", () => undefined);
  // Nor may one that breaks while it is lent out: its statement fails, and that is where it is dealt with.
  pool.on("connect", (client) => {
    client.on("error", () => undefined);
    // Of every transaction that is given no limits of its own: said once, and not with each `begin`.
    const limits = `set statement_timeout = ${statementMs}; set lock_timeout = ${lockMs}; set idle_in_transaction_session_timeout = ${abandonedMs}`;
    // What a page off the beaten track costs on today's disks, and in memory: the server's default is of disks that turn.
    void unawaited(client.query(`${limits}; set random_page_cost = 1.1`));
  });
  return {
    pool,
    anywhere: sqlOver(pool),
    close: () => pool.end(),
    async inOrganisation(organisationId, body, limits) {
      const client = await pool.connect();
      const state: TransactionState = { over: false, sent: [] };
      let failure: Error | undefined;
      try {
        const begun = begin(client, organisationId, limits);
        const result = await body(transactionOver(client, organisationId, state));
        state.over = true;
        await begun;
        await commit(client, state);
        return result;
      } catch (error) {
        state.over = true;
        await client.query("rollback").catch((broken: Error) => {
          failure = broken;
        });
        throw await whatWasWrong(state.sent, error);
      } finally {
        client.release(failure);
      }
    },
    async readOrganisation(organisationId, body) {
      const client = await pool.connect();
      const state: TransactionState = { over: false, sent: [] };
      try {
        const begun = begin(client, organisationId, undefined, "read only");
        const result = await body(sqlOver(unlessOver(client, state)));
        await begun;
        return result;
      } finally {
        state.over = true;
        // Nothing to lose: the connection goes back when the server has seen the end, the answer goes out now.
        client.query("rollback").then(
          () => client.release(),
          (broken: Error) => client.release(broken),
        );
      }
    },
  };
}

interface Statement {
  text: string;
  values: unknown[];
}

interface TransactionState {
  /** Set with the end: what comes later would run in another transaction, maybe another organisation's. */
  over: boolean;
  /** Statements sent and not waited for. */
  sent: Promise<unknown>[];
  last?: Statement;
}

/**
 * Opens the transaction without waiting: connections are pipelined, so the first statement of the body goes out in the
 * same write. Whoever begins looks at this before the end: a statement behind a failed `begin` ran without a transaction,
 * where row-level security shows nothing.
 */
function begin(
  client: PoolClient,
  organisationId: string,
  limits: { statementMs?: number; lockMs?: number } | undefined,
  mode = "read write",
): Promise<unknown> {
  // One message: several statements need the simple protocol, and so literals instead of parameters.
  if (!uuidPattern.test(organisationId)) throw new TypeError("an organisation's id is a UUID");
  const limit = (name: string, ms: number | undefined) => (ms === undefined ? "" : `set local ${name} = ${ms}; `);
  return unawaited(
    inOneWrite(client).query(
      `begin ${mode}; ${limit("statement_timeout", limits?.statementMs)}${limit("lock_timeout", limits?.lockMs)}set local "powerloom.organisation" = '${organisationId}'`,
    ),
  );
}

/**
 * The connection, with what is sent on it until the current turn is over leaving in one write: a system call for each of a
 * row of statements costs more than all else about sending them.
 */
function inOneWrite(client: PoolClient): PoolClient {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  if (stream.writableCorked === 0) {
    stream.cork();
    process.nextTick(() => stream.uncork());
  }
  return client;
}

async function commit(client: PoolClient, { sent, last }: TransactionState): Promise<void> {
  const runner = inOneWrite(client);
  const ending = last === undefined ? undefined : named(runner, last.text, last.values);
  const [lastDone, done] = await Promise.allSettled([ending, runner.query("commit")]);
  // The connection answers in order: these are settled by now.
  for (const one of sent) await one;
  if (lastDone.status === "rejected") throw lastDone.reason;
  if (done.status === "rejected") throw done.reason;
  // The server answers the commit of a transaction that has failed with a rollback, and no error.
  if (done.value.command !== "COMMIT") throw new Error("the transaction had failed before its commit");
}

/**
 * After the first failure every statement of a transaction fails, and says no more than that: another one says what was wrong.
 * @param sent statements that nobody waited for, and that the connection has answered by now
 * @param error what was thrown
 */
async function whatWasWrong(sent: readonly Promise<unknown>[], error: unknown): Promise<unknown> {
  const settled = await Promise.allSettled(sent);
  const failures = settled.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
  return [...failures, error].find((one) => sqlState(one) !== "25P02") ?? error;
}

/** For statements whose answer is looked at later, or whose failure shows in the next one. */
function unawaited(query: Promise<unknown>): Promise<unknown> {
  query.catch(() => undefined);
  return query;
}

/** How long a statement may take, and wait for a lock, where nothing else is said. Milliseconds. */
const statementMs = 15_000;
const lockMs = 5_000;
/** A transaction that asks nothing for this long belongs to a process that hangs: its locks must not outlast it. */
const abandonedMs = 30_000;

/** Texts seen so far and the names of their prepared statements. */
const statementNames = new Map<string, string>();
/** A server keeps every prepared statement of a connection: a text that is built anew each time must not fill it. */
const mostStatements = 500;

/**
 * The name under which a text is prepared once per connection. Planning costs several times what running does here: the
 * evidence of a permission check takes 1.4 ms planned anew and 0.25 ms prepared (docs/performance.md).
 */
function statementName(text: string): string | undefined {
  const known = statementNames.get(text);
  if (known !== undefined) return known;
  if (statementNames.size >= mostStatements) return undefined;
  const name = `s${statementNames.size}`;
  statementNames.set(text, name);
  return name;
}

interface Runner {
  query<Row extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<Row>>;
}

function named<Row extends QueryResultRow>(runner: Runner, text: string, values: unknown[]) {
  const name = statementName(text);
  return runner.query<Row>(name === undefined ? { text, values } : { name, text, values });
}

function sqlOver(runner: Runner): Sql {
  return {
    async rows<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
      return (await named<Row>(runner, text, values)).rows;
    },
    async maybe<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
      return (await named<Row>(runner, text, values)).rows[0];
    },
    async run(text, values = []) {
      return (await named(runner, text, values)).rowCount ?? 0;
    },
  };
}

/** The connection, as long as its transaction runs. */
function unlessOver(client: PoolClient, state: TransactionState): Runner {
  return {
    query<Row extends QueryResultRow>(statement: QueryConfig) {
      if (state.over) throw new Error("the transaction is over");
      return inOneWrite(client).query<Row>(statement);
    },
  };
}

function transactionOver(client: PoolClient, organisationId: string, state: TransactionState): Tx {
  let depth = 0;
  const runner = unlessOver(client, state);
  return {
    organisationId,
    ...sqlOver(runner),
    async savepoint(body) {
      depth += 1;
      const name = `step_${depth}`;
      void unawaited(runner.query({ text: `savepoint ${name}` }));
      const before = state.last;
      const sentBefore = state.sent.length;
      try {
        const result = await body();
        void unawaited(runner.query({ text: `release savepoint ${name}` }));
        return result;
      } catch (error) {
        if (before === undefined) delete state.last;
        else state.last = before;
        const undone = state.sent.splice(sentBefore);
        await runner.query({ text: `rollback to savepoint ${name}` });
        throw await whatWasWrong(undone, error);
      }
    },
    send(text, values) {
      state.sent.push(unawaited(named(runner, text, values)));
    },
    atCommit(text, values) {
      if (state.last !== undefined) throw new Error("a transaction has one last statement, not two");
      state.last = { text, values };
    },
  };
}

/** SQLSTATE of a database error, or undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** True when the database, not the statement, is at fault: lost connection, shutdown, too slow, locked, too many clients, full disk. */
export function isDatabaseAway(error: unknown): boolean {
  const state = sqlState(error) ?? "";
  if (/^(08|53|57|58)/.test(state) || ["55P03", "40P01", "40001", "25P02"].includes(state)) return true;
  const message = error instanceof Error ? error.message : "";
  return /ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|Connection terminated|timeout exceeded when trying to connect|not queryable|connection error/.test(
    message,
  );
}

/**
 * Refuses to run with a database role that could undo what the grants promise (design §11): superuser, BYPASSRLS, owner
 * of any table, or member of a role that is.
 */
export async function assertUnprivileged(pool: Pool, part: string): Promise<void> {
  const { rows } = await pool.query<{ name: string; super: boolean; bypass: boolean; owns: string | null }>(
    `select r.rolname as name, r.rolsuper as super, r.rolbypassrls as bypass,
            (select c.relname from pg_class c
              where pg_has_role(r.oid, c.relowner, 'member') and c.relkind in ('r', 'p') limit 1) as owns
       from pg_roles r where r.rolname = current_user`,
  );
  const role = rows[0];
  if (role === undefined) throw new PowerloomError("internal", `${part}: the database role could not be read`);
  const fault = role.super ? "is a superuser" : role.bypass ? "has BYPASSRLS" : role.owns && `owns table ${role.owns}`;
  if (fault)
    throw new PowerloomError(
      "internal",
      `${part} refuses to run as database role "${role.name}", which ${fault}: use powerloom_app (run 'powerloom migrate' to create it)`,
    );
}
