import { Router } from "express";
import { approverRoles, asksOneOf } from "../../core/approval/votes.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { Sql } from "../../db/database.ts";
import { requirementsOf } from "../../db/queries/approvals.ts";
import { grantedEverywhere, heldRoles } from "../../db/queries/authority.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import { stillSignedIn } from "../console/sessions.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import { openEventStream } from "../event-stream.ts";
import { holdStream, restMs } from "../open-streams.ts";

/** Where a reader is: events are read in the order of their transactions, then of their positions. */
interface Cursor {
  transaction: string;
  position: string;
}

interface ChangeRow extends Cursor {
  at: Date;
  type: string;
  permission: string;
  ou_path: string | null;
  ancestors: string[] | null;
  principal_id: string | null;
  payload: { target?: { type: string; id: string } } & Record<string, unknown>;
}

const pageSize = 200;
const pollMs = 250;
const heartbeatMs = 15_000;

/** `GET /events`: what changes, as server-sent events, as far as the caller may read it; resumes by `Last-Event-ID`. */
export function eventRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.get("/events", async (req, res) => {
    res.locals["operation"] = "event.stream";
    const caller = callerOf(res);
    requireDelegable(caller, "event.stream", false);
    const query = req.query["after"];
    const given = req.get("last-event-id") ?? (Array.isArray(query) ? "several" : query);
    if (given !== undefined && !(typeof given === "string" && /^\d{1,15}$/.test(given)))
      throw new PowerloomError("invalid_input", "`after` must be a position.", { pointer: "/after" });
    let cursor = await deps.db.readOrganisation(caller.organisationId, (tx) => startAt(tx, given));
    res.once("close", holdStream(deps, caller.principalId));
    const stream = openEventStream(deps, res);
    for (let silent = 0; stream.open; ) {
      const seen = await read(caller, cursor);
      if (seen === undefined) break;
      const { scanned, readable } = seen;
      for (const { position, at, type, ou_path, payload } of readable) {
        const data = { position: Number(position), at: at.toISOString(), type, ou_path, ...payload };
        await stream.write(`id: ${position}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
        if (!stream.open) return;
      }
      // Past everything looked at, readable or not: what others may read must not hold this reader up.
      cursor = scanned.at(-1) ?? cursor;
      if (scanned.length === pageSize) continue;
      const restedMs = restMs(deps, pollMs);
      silent = readable.length > 0 ? 0 : silent + restedMs;
      if (silent >= heartbeatMs) {
        await stream.write(": still here\n\n");
        silent = 0;
      }
      await new Promise((resolve) => setTimeout(resolve, restedMs));
    }
    res.end();
  });
  return router;

  /**
   * Rights are read each time: a binding taken away silences the stream at once, and the end of a browser's sign-in ends
   * the stream.
   * @returns undefined when the caller is signed in no longer
   */
  function read(caller: Caller, cursor: Cursor): Promise<{ scanned: ChangeRow[]; readable: ChangeRow[] } | undefined> {
    return deps.db.readOrganisation(caller.organisationId, async (tx) => {
      const signedIn = stillSignedIn(deps, tx, caller.consoleSession);
      const rows = tx.rows<ChangeRow>(
        `select e.transaction_id::text as transaction, e.position, e.at, e.type, e.permission, o.path as ou_path,
                o.ancestors, e.principal_id, e.payload
           from change_events e left join ous o on o.id = e.ou_id
          where (e.transaction_id, e.position) > ($1::xid8, $2::bigint) and ${settled}
          order by e.transaction_id, e.position limit ${pageSize}`,
        [cursor.transaction, cursor.position],
      );
      const [scanned, holds] = await Promise.all([rows, signedIn]);
      if (!holds) return undefined;
      if (scanned.length === 0) return { scanned, readable: [] };
      const [granted, asked, held] = await Promise.all([
        grantedEverywhere(tx, caller.principalId, deps.now()),
        requirementsOf(tx, scanned.filter(isOfApproval).map(approvalIn)),
        scanned.some(isOfApproval) ? heldRoles(tx, caller.principalId, deps.now()) : [],
      ]);
      const roots = new Map(granted.map(({ permission, ous }) => [permission, ous]));
      const isReadable = (row: ChangeRow) => {
        if (row.principal_id === caller.principalId) return true;
        const ancestors = row.ancestors ?? [];
        const requirements = isOfApproval(row) ? (asked.get(approvalIn(row)) ?? []) : [];
        const at = [...ancestors, ...requirements.flatMap(({ alsoAt = [] }) => alsoAt)];
        if (at.some((ou) => roots.get(row.permission)?.includes(ou) === true)) return true;
        // Whoever may decide a request may see it.
        return asksOneOf(requirements, approverRoles(held, ancestors, requirements));
      };
      return { scanned, readable: scanned.filter(isReadable) };
    });
  }
}

function isOfApproval({ permission }: ChangeRow): boolean {
  return permission === "approval:read";
}

/** The approval request that an event is about. */
function approvalIn({ payload }: ChangeRow): string {
  return payload.target?.id ?? "";
}

/** Behind the oldest running transaction: none can still write an event that sorts before one already read. */
const settled = "e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())";

/** After the event with this position, or after everything there is now. */
async function startAt(sql: Sql, position: string | undefined): Promise<Cursor> {
  const event = await sql.maybe<Cursor>(
    `select e.transaction_id::text as transaction, e.position from change_events e
      where ${position === undefined ? settled : "e.position <= $1"}
      order by ${position === undefined ? "e.transaction_id desc, " : ""}e.position desc limit 1`,
    position === undefined ? [] : [position],
  );
  return event ?? { transaction: "0", position: "0" };
}
