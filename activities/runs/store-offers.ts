import type { RunRef } from "../../core/ids.ts";
import type { Tx } from "../../db/database.ts";
import { type NewRunEvent, type RunRow, requireRun } from "../../db/queries/runs.ts";
import type { RunDeps } from "./deps.ts";
import type { ServerOffer } from "./list-server-tools.ts";
import { auditRun } from "./record.ts";

/** Of what was left out, this much is told. */
const mostTold = 20;

/** Stores the tools that the servers of a tree of runs have, in the transaction that starts it: once. Sent without waiting. */
export function storeOffers(tx: Tx, run: RunRow, offers: readonly ServerOffer[]): void {
  const rows = offers.flatMap(({ registrationId, specs }) => specs.map((spec) => ({ registrationId, spec })));
  if (rows.length === 0) return;
  tx.send(
    `insert into run_tools (organisation_id, root_run_id, name, mcp_server_id, spec)
     select $1, $2, name, server, spec::jsonb from unnest($3::text[], $4::uuid[], $5::text[]) as t (name, server, spec)`,
    [
      tx.organisationId,
      run.id,
      rows.map(({ spec }) => spec.name),
      rows.map(({ registrationId }) => registrationId),
      rows.map(({ spec }) => JSON.stringify(spec)),
    ],
  );
}

/** What watchers are told: which servers or tools cannot be used, and why. */
export function offerEvents(offers: readonly ServerOffer[]): NewRunEvent[] {
  return offers
    .filter(({ unavailable, leftOut }) => unavailable !== null || leftOut.length > 0)
    .map(({ server, unavailable, leftOut }) => ({
      origin: `tools:${server}`,
      type: "tools_unavailable",
      payload: {
        server,
        reason: unavailable ?? `${leftOut.length} of its tools cannot be used`,
        tools: leftOut.slice(0, mostTold),
      },
    }));
}

/**
 * An entry for each server that the person has no right to: before the start, because a transaction appends one entry. A
 * repeated attempt finds it.
 */
export async function auditRefusals(deps: RunDeps, ref: RunRef, offers: readonly ServerOffer[]): Promise<void> {
  for (const { server, registrationId } of offers.filter(({ refused }) => refused))
    await deps.db.inOrganisation(ref.organisationId, async (tx) => {
      const run = await requireRun(tx, ref.runId, "lock");
      const entry = { id: `${run.id}/tools:${server}`, target: `mcp_server:${registrationId}` };
      const known = await tx.maybe(
        "select from control_plane_audit where entry ->> 'target' = $1 and entry ->> 'id' = $2",
        [entry.target, entry.id],
      );
      if (known !== undefined || run.status !== "received") return;
      auditRun(tx, run, {
        ...entry,
        operation: "run.tools",
        outcome: "refused",
        rule: "mcp-server-rights",
        detail: { server, missing: "mcp_server:read" },
      });
    });
}
