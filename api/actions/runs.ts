import { randomBytes } from "node:crypto";
import type { z } from "zod";
import type { runInput } from "../../contracts/runs.ts";
import { aboutRun } from "../../core/audit/entry.ts";
import { digestOf } from "../../core/canonical.ts";
import { PowerloomError } from "../../core/errors.ts";
import { type OrganisationId, type RunId, workflowIds } from "../../core/ids.ts";
import { type TraceParent, writeTraceParent } from "../../core/telemetry/traceparent.ts";
import type { Tx } from "../../db/database.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import { lockAuthority } from "../../db/queries/authority.ts";
import { announceRun } from "../../db/queries/changes.ts";
import { findRun, insertRun, type RunBudget, type RunRow, readUsedBelow, runSelect } from "../../db/queries/runs.ts";
import { requirePermission } from "../../operations/execute.ts";
import { requireOu } from "../../operations/lookups.ts";
import { nudgeRun, signalLookAgain } from "../../temporal/nudge.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import { pinDefinitions } from "../runs/definitions.ts";
import { runToView } from "../views/runs.ts";
import type { ActionContext } from "./perform.ts";

/** Stores a run with everything it was given and pins its definitions; then its workflow is started. */
export async function startAgentRun({
  deps,
  caller,
  input,
  key,
  trace,
}: ActionContext): Promise<Record<string, unknown>> {
  const asked = input as z.infer<typeof runInput>;
  const run = await deps.db.inOrganisation(caller.organisationId, (tx) =>
    storeRun(deps, tx, caller, asked, key, trace),
  );
  await nudgeRun(deps.temporal, refOf(caller, run.id), run.ou_path).catch((error: unknown) =>
    // The row is there: the sweep starts it.
    deps.log.warn({ err: error, run: run.id }, "the run's workflow could not be started yet"),
  );
  // A run that the same key has started before may have subagents.
  const below = await deps.db.readOrganisation(caller.organisationId, (sql) => readUsedBelow(sql, [run]));
  return runToView(run, below(run.id));
}

async function storeRun(
  deps: ApiDeps,
  tx: Tx,
  caller: Caller,
  asked: z.infer<typeof runInput>,
  key: string | null,
  trace: TraceParent | null,
): Promise<RunRow> {
  await lockAuthority(tx, "share");
  const home = await tx.maybe<{ home_ou_id: string }>("select home_ou_id from users where id = $1", [
    caller.principalId,
  ]);
  const ou = await requireOu(tx, asked.ou ?? home?.home_ou_id ?? "");
  const rule = await requirePermission({ tx, now: deps.now(), principalId: caller.principalId }, "run:create", ou);
  const bodyDigest = digestOf(asked);
  const earlier = await findByKey(tx, caller, key, bodyDigest);
  if (earlier !== undefined) return earlier;
  const definition = deps.definitions.get(asked.agent);
  if (definition === undefined)
    throw new PowerloomError(
      "invalid_input",
      `There is no agent definition \`${asked.agent}\`. There are: ${[...deps.definitions.keys()].sort().join(", ")}.`,
      { pointer: "/agent" },
    );
  const paths = new Set(asked.files.map(({ path }) => path));
  if (paths.size !== asked.files.length)
    throw new PowerloomError("invalid_input", "Two of the files have the same path.", { pointer: "/files" });
  const id = deps.newId();
  const traceId = trace?.traceId ?? randomBytes(16).toString("hex");
  const pinned = await pinDefinitions(tx, deps.definitions, asked.agent, deps.newId);
  const { tokens, cost_usd, calls, wall_seconds } = asked.budget;
  const budget: RunBudget = {
    tokens: tokens ?? 200_000,
    ...(cost_usd === undefined ? {} : { cost_micros: Math.round(cost_usd * 1_000_000) }),
    ...(calls === undefined ? {} : { calls }),
    ...(wall_seconds === undefined ? {} : { wall_seconds }),
  };
  const inserted = await insertRun(tx, {
    id,
    parentRunId: null,
    rootRunId: id,
    traceId,
    traceparent: trace === null ? null : writeTraceParent(trace),
    definitionId: pinned[asked.agent] ?? "",
    agentId: asked.agent,
    roleId: definition.role,
    modelId: asked.models[definition.role] ?? definition.role_bindings[definition.role] ?? "",
    ouId: ou.id,
    requesterId: caller.principalId,
    act: caller.act,
    sid: caller.sid,
    pinned,
    models: asked.models,
    input: { task: asked.task, ...asked.input },
    inputSummary: asked.task.slice(0, 500),
    budget,
    idempotencyKey: key,
    bodyDigest,
  });
  if (inserted === 0) {
    const first = await findByKey(tx, caller, key, bodyDigest);
    if (first === undefined) throw new Error("an idempotency key was taken and is gone");
    return first;
  }
  announceRun(tx, id);
  for (const { path, content, encoding } of asked.files)
    await tx.run(
      "insert into run_files (organisation_id, run_id, stage, path, content) values ($1, $2, 'input', $3, $4)",
      [tx.organisationId, id, path, Buffer.from(content, encoding)],
    );
  appendAudit(tx, {
    id,
    ...auditedCaller(caller),
    operation: "run.start",
    ou: ou.path,
    target: `run:${id}`,
    digest: bodyDigest,
    rule,
    approval_id: null,
    outcome: "accepted",
    detail: { ...aboutRun({ id, trace_id: traceId }), agent: asked.agent, budget, files: asked.files.length },
  });
  const row = await findRun(tx, id);
  if (row === undefined) throw new Error("the run just stored cannot be read");
  return row;
}

export const messageRun = (context: ActionContext) => tellRun(context, "message", { text: context.input["text"] });
export const pauseRun = (context: ActionContext) => tellRun(context, "pause", {});
export const resumeRun = (context: ActionContext) => tellRun(context, "resume", {});
export const cancelRun = (context: ActionContext) => {
  const { reason } = context.input;
  return tellRun(context, "cancel", reason === undefined ? {} : { reason });
};

/** Stores what a person tells a run, then has its workflow look. Only the person it acts for may steer it by words. */
async function tellRun(
  { deps, caller, input, key }: ActionContext,
  kind: "message" | "pause" | "resume" | "cancel",
  payload: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const runId = String(input["run_id"]);
  const id = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    await lockAuthority(tx, "share");
    const run = await visibleRun(deps, tx, caller, runId);
    let rule = "own-run";
    if (run.requester_id !== caller.principalId) {
      if (kind === "message")
        throw new PowerloomError("forbidden", "Only the person a run acts for may say something to it.", {
          rule: "not-the-requester",
        });
      rule = await requirePermission(
        { tx, now: deps.now(), principalId: caller.principalId },
        "run:control",
        ouOf(run),
      );
    }
    const bodyDigest = digestOf({ kind, payload });
    if (key !== null) {
      const earlier = await tx.maybe<{ id: string; body_digest: string }>(
        "select id, body_digest from run_commands where run_id = $1 and created_by = $2 and idempotency_key = $3",
        [runId, caller.principalId, key],
      );
      if (earlier !== undefined && earlier.body_digest !== bodyDigest)
        throw new PowerloomError("idempotency_mismatch", "This Idempotency-Key was used for another request.");
      if (earlier !== undefined) return earlier.id;
    }
    if (run.completed_at !== null) throw new PowerloomError("conflict", `The run is already ${run.status}.`);
    const commandId = deps.newId();
    await tx.run(
      `insert into run_commands (id, organisation_id, run_id, kind, payload, created_by, idempotency_key, body_digest)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [commandId, tx.organisationId, runId, kind, JSON.stringify(payload), caller.principalId, key, bodyDigest],
    );
    appendAudit(tx, {
      id: commandId,
      ...auditedCaller(caller),
      operation: `run.${kind}`,
      ou: run.ou_path,
      target: `run:${runId}`,
      digest: bodyDigest,
      rule,
      approval_id: null,
      outcome: "accepted",
      detail: { ...aboutRun(run), ...(kind === "cancel" ? payload : {}) },
    });
    return commandId;
  });
  await signalLookAgain(deps.temporal, workflowIds.agentRun(runId)).catch((error: unknown) =>
    deps.log.warn({ err: error, run: runId }, "the run's workflow could not be told yet"),
  );
  return { id, status: "accepted" };
}

/**
 * A run its own person asked for, or one they may read there. Others are told that there is none, and so is whoever acts
 * for a person: an agent sees that person's runs and nobody else's.
 */
async function visibleRun(deps: Pick<ApiDeps, "now">, tx: Tx, caller: Caller, runId: string): Promise<RunRow> {
  const run = await findRun(tx, runId);
  const missing = new PowerloomError("not_found", `No run found with id \`${runId}\` that you may see.`, {
    pointer: "/run_id",
  });
  if (run === undefined) throw missing;
  if (run.requester_id === caller.principalId) return run;
  if (caller.act !== "") throw missing;
  await requirePermission({ tx, now: deps.now(), principalId: caller.principalId }, "run:read", ouOf(run)).catch(() => {
    throw missing;
  });
  return run;
}

function ouOf(run: RunRow) {
  return { id: run.ou_id, path: run.ou_path, ancestors: run.ou_ancestors };
}

function auditedCaller({ principalId, act, sid }: Caller) {
  return { sub: principalId, act: act || null, delegated_from_session: sid || null };
}

function refOf(caller: Caller, runId: string) {
  return { organisationId: caller.organisationId as OrganisationId, runId: runId as RunId };
}

async function findByKey(tx: Tx, caller: Caller, key: string | null, bodyDigest: string): Promise<RunRow | undefined> {
  if (key === null) return undefined;
  const earlier = await tx.maybe<RunRow>(
    `${runSelect} where r.requester_id = $1 and r.act = $2 and r.sid = $3 and r.idempotency_key = $4`,
    [caller.principalId, caller.act, caller.sid, key],
  );
  if (earlier !== undefined && earlier.body_digest !== bodyDigest)
    throw new PowerloomError("idempotency_mismatch", "This Idempotency-Key was used for another request.");
  return earlier;
}
