import { Router } from "express";
import { builtInRoles, type Permission } from "../../core/authority/roles.ts";
import { PowerloomError } from "../../core/errors.ts";
import { grantedRoots } from "../../db/queries/authority.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";

interface ChangeRow {
  position: string;
  at: Date;
  type: string;
  ou_path: string | null;
  payload: Record<string, unknown>;
}

const pollMs = 250;
const heartbeatMs = 15_000;
const permissions = [
  ...new Set(Object.values(builtInRoles).flatMap((role): readonly Permission[] => role.permissions)),
];

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
    let after = given === undefined ? await newest(caller.organisationId) : Number(given);
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" });
    res.write(": connected\n\n");
    let open = true;
    req.on("close", () => {
      open = false;
    });
    for (let silent = 0; open && !res.destroyed; ) {
      const rows = await read(caller.organisationId, caller.principalId, after);
      for (const row of rows) {
        after = Number(row.position);
        const data = {
          position: after,
          at: row.at.toISOString(),
          type: row.type,
          ou_path: row.ou_path,
          ...row.payload,
        };
        res.write(`id: ${after}\nevent: ${row.type}\ndata: ${JSON.stringify(data)}\n\n`);
      }
      silent = rows.length > 0 ? 0 : silent + pollMs;
      if (silent >= heartbeatMs) {
        res.write(": still here\n\n");
        silent = 0;
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    res.end();
  });
  return router;

  async function newest(organisationId: string): Promise<number> {
    const row = await deps.db.inOrganisation(organisationId, (tx) =>
      tx.maybe<{ position: string | null }>("select max(position) as position from change_events"),
    );
    return Number(row?.position ?? 0);
  }

  /** Rights are read each time: a binding taken away silences the stream at once. */
  function read(organisationId: string, principalId: string, after: number): Promise<ChangeRow[]> {
    return deps.db.inOrganisation(organisationId, async (tx) => {
      const any = await tx.maybe("select from change_events where position > $1 limit 1", [after]);
      if (any === undefined) return [];
      const readable: { permission: string; roots: string[] }[] = [];
      for (const permission of permissions.filter((name) => name.endsWith(":read"))) {
        const roots = await grantedRoots(tx, principalId, permission, deps.now());
        if (roots.length > 0) readable.push({ permission, roots });
      }
      const rows = await tx.rows<ChangeRow & { permission: string; ancestors: string[] | null }>(
        // Behind the oldest running transaction: nothing can still appear below a position already read.
        `select e.position, e.at, e.type, e.permission, o.path as ou_path, o.ancestors, e.payload from change_events e
           left join ous o on o.id = e.ou_id
          where e.position > $1 and e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
          order by e.position limit 200`,
        [after],
      );
      return rows
        .filter((row) =>
          readable.some(
            ({ permission, roots }) =>
              permission === row.permission && (row.ancestors ?? []).some((ou) => roots.includes(ou)),
          ),
        )
        .map(({ position, at, type, ou_path, payload }) => ({ position, at, type, ou_path, payload }));
    });
  }
}
