import { Router } from "express";
import { PowerloomError } from "../../core/errors.ts";
import type { Sql } from "../../db/database.ts";
import { grantedRoots } from "../../db/queries/authority.ts";
import {
  findRun,
  type RunEventRow,
  type RunRow,
  readRunEvents,
  readUsedBelow,
  type Used,
} from "../../db/queries/runs.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import { stillSignedIn } from "../console/sessions.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import { openEventStream } from "../event-stream.ts";
import { holdStream, restMs } from "../open-streams.ts";
import { runToView } from "../views/runs.ts";

const pageSize = 200;
/** Without a notification the rows are looked at again: a lost NOTIFY costs this much. */
const pollMs = 1_000;
const heartbeatMs = 15_000;

/**
 * `GET /runs/:id/stream`: a run and its subagents as they go, as server-sent events. `run_event`s come from rows, once each
 * and in order, from `?after=` on; `tokens` are a model's words as they come, and are not kept; `end` is the run itself.
 */
export function runStreamRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.get("/runs/:run_id/stream", async (req, res) => {
    res.locals["operation"] = "run.stream";
    const caller = callerOf(res);
    requireDelegable(caller, "run.stream", false);
    const given = req.get("last-event-id") ?? req.query["after"] ?? "0";
    if (typeof given !== "string" || !/^\d{1,9}$/.test(given))
      throw new PowerloomError("invalid_input", "`after` must be a position.", { pointer: "/after" });
    const first = await look(caller, req.params.run_id, Number(given));
    if (first === undefined)
      throw new PowerloomError("not_found", `No run found with id \`${req.params.run_id}\` that you may see.`, {
        pointer: "/run_id",
      });

    res.once("close", holdStream(deps, caller.principalId));
    const stream = openEventStream(deps, res);
    let wake = () => {};
    const stopHearing = deps.notifications.hear("run_events", first.run.root_run_id, () => wake());
    // Those that are dropped are in the transcript.
    const words = deps.notifications.hearWords("run_tokens", first.run.root_run_id, () => wake());
    res.once("close", () => wake());
    try {
      let after = Number(given);
      let seen: Awaited<ReturnType<typeof look>> = first;
      for (let lastWrite = Date.now(); stream.open && seen !== undefined; ) {
        for (const event of seen.events) {
          await stream.write(
            `id: ${event.position}\nevent: run_event\ndata: ${JSON.stringify({ ...event, at: event.at.toISOString() })}\n\n`,
          );
          if (!stream.open) return;
          after = event.position;
          lastWrite = Date.now();
        }
        for (const payload of words.take()) await stream.write(`event: tokens\ndata: ${payload}\n\n`);
        if (seen.run.completed_at !== null && seen.events.length === 0) {
          await stream.write(`event: end\ndata: ${JSON.stringify(runToView(seen.run, seen.below))}\n\n`);
          break;
        }
        if (Date.now() - lastWrite > heartbeatMs) {
          await stream.write(": still here\n\n");
          lastWrite = Date.now();
        }
        // Armed before the rows are read: what is stored in between wakes the next round.
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, restMs(deps, pollMs)).unref();
        });
        if (seen.events.length === 0 && !words.any()) await woken;
        // Rights are read each time: who has lost them sees nothing more.
        seen = await look(caller, req.params.run_id, after);
      }
    } finally {
      // However it ends, also by a client that is cut off: what is heard for nobody is kept for nobody.
      stopHearing();
      words.stop();
      res.end();
    }
  });
  return router;

  function look(
    caller: Caller,
    runId: string,
    after: number,
  ): Promise<{ run: RunRow; below: Used; events: RunEventRow[] } | undefined> {
    return deps.db.readOrganisation(caller.organisationId, async (sql) => {
      // Before the events: when it has ended, all of them are there.
      const [run, signedIn] = await Promise.all([findRun(sql, runId), stillSignedIn(deps, sql, caller.consoleSession)]);
      if (!signedIn || run === undefined || !(await maySee(sql, run, caller))) return undefined;
      const events = await readRunEvents(sql, run.root_run_id, after, pageSize);
      const below = await readUsedBelow(sql, [run]);
      return { run, below: below(run.id), events };
    });
  }

  async function maySee(sql: Sql, run: RunRow, caller: Caller): Promise<boolean> {
    const user = await sql.maybe<{ status: string }>("select status from users where id = $1", [caller.principalId]);
    if (user?.status !== "active") return false;
    if (run.requester_id === caller.principalId) return true;
    const roots = await grantedRoots(sql, caller.principalId, "run:read", deps.now());
    return run.ou_ancestors.some((ou) => roots.includes(ou));
  }
}
