import type { RunRef } from "../../core/ids.ts";
import { spanOfRun, spanOfStep, type TracedRun, type TracedStep } from "../../core/telemetry/run-spans.ts";
import type { Sql } from "../../db/database.ts";
import type { RunDeps } from "./deps.ts";

type Deps = Pick<RunDeps, "db" | "spans">;

/** Tells of a step that was just closed. Nobody waits for it, and what goes wrong with it is no concern of the run. */
export function tellStep(deps: Deps, { organisationId, runId, stepId }: RunRef & { stepId: string }): void {
  deps.spans?.tell(async () =>
    deps.db.readOrganisation(organisationId, async (sql) => {
      const [run, step] = await Promise.all([
        tracedRun(sql, runId),
        tracedSteps(sql, runId, "s.step_id = $2", [stepId]),
      ]);
      return run === undefined ? [] : step.flatMap((one) => spanOfStep(run, one) ?? []);
    }),
  );
}

/** Tells of a run that has just ended, and of what it was in the middle of: its end closes that too. */
export function tellRun(deps: Deps, { organisationId, runId }: RunRef): void {
  deps.spans?.tell(async () =>
    deps.db.readOrganisation(organisationId, async (sql) => {
      const [run, cut] = await Promise.all([
        tracedRun(sql, runId),
        tracedSteps(sql, runId, "s.status = 'unknown' and s.facts is null", []),
      ]);
      return run === undefined ? [] : [spanOfRun(run) ?? [], ...cut.map((one) => spanOfStep(run, one) ?? [])].flat();
    }),
  );
}

function tracedRun(sql: Sql, runId: string): Promise<TracedRun | undefined> {
  return sql.maybe<TracedRun>(
    `select r.id, r.organisation_id, r.parent_run_id, r.trace_id, root.traceparent, s.step_id as parent_step_id, r.agent_id,
       r.definition_id, d.version as definition_version, r.role_id, r.model_id, r.status, r.reason, r.created_at,
       r.started_at, r.completed_at
       from agent_runs r
       join agent_runs root on root.organisation_id = r.organisation_id and root.id = r.root_run_id
       join agent_definitions d on d.organisation_id = r.organisation_id and d.id = r.definition_id
       left join agent_steps s on s.organisation_id = r.organisation_id and s.run_id = r.parent_run_id and s.child_run_id = r.id
      where r.id = $1`,
    [runId],
  );
}

function tracedSteps(sql: Sql, runId: string, which: string, values: string[]): Promise<TracedStep[]> {
  return sql.rows<TracedStep>(
    `select s.step_id, s.step_type, s.thread, s.tool_name, s.tool_use_id, s.status, s.facts, s.decision, s.usage, s.endpoint,
       s.duration_ms, s.created_at, s.completed_at, c.created_at as child_created_at
       from agent_steps s left join agent_runs c on c.organisation_id = s.organisation_id and c.id = s.child_run_id
      where s.run_id = $1 and ${which}`,
    [runId, ...values],
  );
}
