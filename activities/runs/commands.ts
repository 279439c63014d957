import type { RunRef } from "../../core/ids.ts";
import type { RunNote, TakenCommands } from "../../core/runs/facts.ts";
import { announceRun } from "../../db/queries/changes.ts";
import { appendRunEvents, requireRun, say } from "../../db/queries/runs.ts";
import type { RunDeps } from "./deps.ts";
import { currentThread, ofPeople } from "./heard.ts";
import { auditRun, tellWatchers } from "./record.ts";

/** Takes what people have told a run, in order: messages go into its conversation, the rest is for the workflow. */
export async function takeCommands(deps: RunDeps, ref: RunRef & { after?: number }): Promise<TakenCommands> {
  const { run, taken } = await deps.db.inOrganisation(ref.organisationId, async (tx) => {
    // Locked: what is said must not miss a context that is being begun anew, nor an answer that is being stored.
    const run = await requireRun(tx, ref.runId, "lock");
    // Those that were taken already too, when the workflow does not know it: a worker may have died before it could say so.
    const queued = await tx.rows<{
      id: string;
      sequence: string;
      kind: string;
      payload: { text?: string; reason?: string };
      taken_at: Date | null;
    }>(
      `select id, sequence, kind, payload, taken_at from run_commands
        where run_id = $1 and (taken_at is null or sequence > $2) order by sequence for update`,
      [run.id, ref.after ?? 0],
    );
    const heard = Math.max(ref.after ?? 0, ...queued.map(({ sequence }) => Number(sequence)));
    const taken: TakenCommands = { paused: null, cancelled: false, said: 0, heard };
    for (const command of queued) {
      if (command.kind === "message") {
        taken.said += Buffer.byteLength(command.payload.text ?? "");
        if (command.taken_at === null)
          say(tx, run.id, {
            thread: await currentThread(tx, run.id),
            origin: `${ofPeople}${command.id}`,
            role: "user",
            content: [{ type: "text", text: `[${run.requester_email}] ${command.payload.text ?? ""}` }],
          });
      }
      if (command.kind === "pause") taken.paused = true;
      if (command.kind === "resume") taken.paused = false;
      if (command.kind === "cancel") taken.cancelled = true;
      await tx.run("update run_commands set taken_at = coalesce(taken_at, $2) where id = $1", [command.id, deps.now()]);
    }
    const isNew = queued.some(({ kind, taken_at }) => taken_at === null && (kind === "pause" || kind === "resume"));
    if (isNew) {
      // What a run waits for, it still waits for when it has been paused and resumed meanwhile.
      await tx.run(
        `update agent_runs set status = case when $2 then 'paused' when waiting_for is null then 'running' else 'waiting' end
          where id = $1 and status in ('running', 'paused', 'waiting')`,
        [run.id, taken.paused],
      );
      announceRun(tx, run.id);
    }
    appendRunEvents(
      tx,
      run,
      queued.map(({ id, kind, payload: { reason } }) => ({
        origin: `command:${id}`,
        type: `told_to_${kind}`,
        payload: reason === undefined ? {} : { reason },
      })),
    );
    return { run, taken };
  });
  tellWatchers(deps, run);
  return taken;
}

/** A rule wants a person to look before the run goes on: it waits, and says why. */
export async function pauseRun(deps: RunDeps, ref: RunRef & { id: string; reason: string }): Promise<void> {
  const run = await deps.db.inOrganisation(ref.organisationId, async (tx) => {
    // Locked: of two attempts at once the second one sees what the first has done.
    const run = await requireRun(tx, ref.runId, "lock");
    const origin = `paused:${ref.id}`;
    // A repeated attempt must not pause again what somebody has resumed meanwhile.
    const known = await tx.maybe("select from run_events where run_id = $1 and origin = $2", [run.id, origin]);
    if (known !== undefined) return run;
    await tx.run("update agent_runs set status = 'paused' where id = $1 and status in ('running', 'waiting')", [
      run.id,
    ]);
    announceRun(tx, run.id);
    appendRunEvents(tx, run, [{ origin, type: "paused", payload: { reason: ref.reason } }]);
    return run;
  });
  tellWatchers(deps, run);
}

/** Records what a rule in the workflow has found, in the stream and in the audit trail, once. */
export async function noteRun(deps: RunDeps, note: RunNote): Promise<void> {
  const run = await deps.db.inOrganisation(note.organisationId, async (tx) => {
    const run = await requireRun(tx, note.runId, "lock");
    const known = await tx.maybe("select from run_events where run_id = $1 and origin = $2", [run.id, note.id]);
    if (known !== undefined) return run;
    appendRunEvents(tx, run, [{ origin: note.id, type: note.type, payload: note.payload }]);
    auditRun(tx, run, {
      id: `${run.id}/${note.id}`,
      operation: `run.${note.type}`,
      outcome: "applied",
      detail: note.payload,
    });
    return run;
  });
  tellWatchers(deps, run);
}
