import type { Evidence } from "./evidence.ts";
import type { Violation } from "./record.ts";

/** How long after its time something may still be on its way, milliseconds. */
const graceMs = 10_000;

/** What has neither ended nor a reason to wait, a while after everybody has stopped asking. */
export function checkStuck(evidence: Evidence): Violation[] {
  const found: string[] = [];
  const late = (at: Date) => evidence.now.getTime() - at.getTime() > graceMs;
  for (const { id, name, status, expires_at } of evidence.operations) {
    if (status === "received") found.push(`${name} ${id} is still received`);
    if (status === "pending_approval" && late(expires_at)) found.push(`${name} ${id} waits although its time is over`);
  }
  for (const { id, kind, status, expires_at, consumed_at } of evidence.requests) {
    if (status === "pending" && late(expires_at)) found.push(`request ${id} (${kind}) waits although its time is over`);
    if (status !== "pending" && consumed_at === null)
      found.push(`request ${id} (${kind}) is ${status}, without effect`);
  }
  for (const agent of evidence.agents) {
    if (agent.deleted_at === null && agent.synced_generation < agent.generation)
      found.push(`agent ${agent.id} is ${agent.sync_state}, at ${agent.synced_generation} of ${agent.generation}`);
    if (agent.deleted_at !== null && agent.archived_at === null) found.push(`agent ${agent.id} is not archived`);
  }
  for (const { id, status, cleaned_at } of evidence.sessions) {
    if (status === "starting" || status === "running") found.push(`session ${id} is ${status}`);
    if ((status === "ended" || status === "failed") && cleaned_at === null)
      found.push(`session ${id} is not cleaned up`);
  }
  for (const { id, session_id } of evidence.unsentCommands)
    found.push(`command ${id} of session ${session_id} is unsent`);
  for (const { id, status } of evidence.runs)
    if (status === "received" || status === "running") found.push(`run ${id} is ${status}`);
  const over = new Set(
    evidence.runs
      .filter(({ status }) => !["received", "running", "waiting", "paused"].includes(status))
      .map(({ id }) => id),
  );
  for (const { run_id, step_id, status } of evidence.openSteps)
    if (over.has(run_id)) found.push(`step ${step_id} of run ${run_id} is ${status}, and the run is over`);
  return found.map((what) => ({ kind: "stuck", what }));
}
