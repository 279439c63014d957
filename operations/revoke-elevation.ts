import { z } from "zod";
import { PowerloomError } from "../core/errors.ts";
import { findElevation } from "../db/queries/governance.ts";
import { appendRunEvents, requireRun } from "../db/queries/runs.ts";
import { defineOperation } from "./declaration.ts";
import { missing, scopeOf } from "./lookups.ts";
import { deletionView } from "./results.ts";

export const revokeElevation = defineOperation({
  name: "elevation.revoke",
  summary: "Take back what an approval has allowed beyond its call: the agent has to ask again",
  permission: "run:control",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "DELETE", path: "/elevations/:elevation_id", status: 200 },
  command: "elevations revoke",
  readPermission: "run:read",
  input: z.object({ elevation_id: z.uuid() }),
  output: deletionView,

  async preview({ tx, now, authorise }, input) {
    const elevation = await findElevation(tx, input.elevation_id, now);
    if (elevation === undefined)
      throw missing(`No elevation in force found with id \`${input.elevation_id}\`.`, "elevation_id");
    await authorise(scopeOf(elevation));
    return {
      ou: scopeOf(elevation),
      target: { type: "elevation", id: elevation.id },
      targetVersion: null,
      plan: { runId: elevation.root_run_id, tool: elevation.tool_name },
      before: {
        agent: elevation.agent_id,
        tool: elevation.tool_name,
        context: elevation.context,
        run: elevation.root_run_id,
        expires_at: elevation.expires_at.toISOString(),
      },
      after: null,
      summary: `Revoke the elevation of agent ${elevation.agent_id} for ${elevation.tool_name} in a run of ${elevation.requester_email} in ${elevation.ou_path}`,
    };
  },

  async apply({ tx, now }, { elevation_id }, { plan }) {
    // The run's row first: a run that ends takes them in this order too.
    const run = await requireRun(tx, plan.runId, "lock");
    const revoked = await tx.run("update elevations set revoked_at = $2 where id = $1 and revoked_at is null", [
      elevation_id,
      now,
    ]);
    if (revoked === 0) throw new PowerloomError("conflict", "The elevation has just ended.");
    appendRunEvents(tx, run, [
      { origin: `${elevation_id}:revoked`, type: "elevation_revoked", payload: { elevation_id, tool: plan.tool } },
    ]);
    return { target: { type: "elevation", id: elevation_id }, result: { id: elevation_id, deleted: true } };
  },
});
