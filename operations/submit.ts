import { approvalsFor, type CastVote, type Requirement } from "../core/approval/votes.ts";
import { PowerloomError, toProblem } from "../core/errors.ts";
import { type OperationId, type OperationRef, workflowIds } from "../core/ids.ts";
import type { Database, Tx } from "../db/database.ts";
import { decideApproval, findApproval, insertApproval } from "../db/queries/approvals.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { lockAuthorityFor } from "../db/queries/authority.ts";
import { announce } from "../db/queries/changes.ts";
import {
  findOperationRow,
  freeKeysOf,
  type OperationRow,
  type OperationStatus,
  recordOutcome,
} from "../db/queries/operations.ts";
import { requireRunGoesOn, requireRunNotCancelled } from "./asked-by-run.ts";
import type { AnyOperation, OperationContext } from "./declaration.ts";
import { applyEvaluated, auditBody, type Evaluation, evaluate } from "./execute.ts";
import { findOperation, operations } from "./registry.ts";

export interface OperationDeps {
  db: Database;
  now: () => Date;
  newId: () => string;
  seal: (secret: string) => string;
}

/** What the workflow needs to know of an operation's state. Identity and input stay in the row. */
export interface OperationState {
  status: OperationStatus;
  /** Agents whose desired state changed. */
  reconcile: string[];
  /** They lose something: that reaches the provider at once. */
  atOnce?: boolean;
  /** When the approval runs out, epoch milliseconds; 0 unless pending. */
  expiresAt: number;
  /** The open session to tell, because it was not told when it asked: null when it was, or when there is none. */
  tell: string | null;
  /** Texts for the Temporal UI, and so for its histories: no secrets, no words of people, nobody's address. */
  ou: string;
  summary: string;
  /** What it waits for, when pending: "1 of 2 approvals by OrgAdmin". */
  waiting: string;
}

const exclusiveOperations = operations
  .filter((operation) => operation.authorityLock === "update")
  .map((operation) => operation.name);

/** A little less than the POST waits: whoever asked through a session has been told that it is still being applied. */
const lateMs = 4_500;

// Short on purpose: this runs as a local activity inside a workflow task (design §2).
const limits = { statementMs: 1_500, lockMs: 1_000 };

/**
 * Takes an intent to its outcome in one transaction: authorise, match approval policies, then apply and audit, or record a
 * pending approval and audit, or record the refusal and audit. A refusal is returned, never thrown. Idempotent.
 */
export function submitOperation(deps: OperationDeps, ref: OperationRef): Promise<OperationState> {
  return deps.db.inOrganisation(
    ref.organisationId,
    async (tx) => {
      const { row, operation } = await lockOperation(tx, ref.operationId);
      if (row.status !== "received") return stateOf(tx, row);
      const now = deps.now();
      if (now >= row.expires_at)
        return finish(deps, tx, row, operation, "expired", "the intent was not taken up in time");

      const context = contextOf(deps, tx, row);
      return refusable(deps, tx, row, operation, async () => {
        await requireLiveSession(tx, row);
        await requireRunGoesOn(tx, row);
        const evaluation = await evaluate(operation, row.input, context);
        if (evaluation.requirements.length > 0) return requestApproval(deps, tx, row, evaluation);
        return apply(deps, tx, row, operation, context, evaluation, null);
      });
    },
    limits,
  );
}

/**
 * Acts on the database's word about an approval: applies an approved change once, after checking rights, policies, digest
 * and target version again; records a denial, cancellation or expiry. A signal without a decision changes nothing.
 */
export function settleOperation(deps: OperationDeps, ref: OperationRef): Promise<OperationState> {
  return deps.db.inOrganisation(
    ref.organisationId,
    async (tx) => {
      const { row, operation } = await lockOperation(tx, ref.operationId);
      if (row.status !== "pending_approval") return stateOf(tx, row);
      const approval = await findApproval(tx, row.id, "lock");
      if (approval === undefined) throw new Error(`operation ${row.id} waits for an approval that does not exist`);
      const now = deps.now();
      switch (approval.status) {
        case "pending":
          if (now < approval.expires_at) return stateOf(tx, row);
          await decideApproval(tx, row.id, { status: "expired", consumed: true }, now);
          return finish(deps, tx, row, operation, "expired", "nobody decided in time");
        case "denied":
        case "cancelled":
        case "expired":
          await decideApproval(tx, row.id, { status: approval.status, consumed: true }, now);
          return finish(deps, tx, row, operation, approval.status, approval.reason);
        case "approved": {
          const context = { ...contextOf(deps, tx, row), ifMatch: undefined };
          return refusable(deps, tx, row, operation, async () => {
            if (now >= approval.expires_at)
              throw new PowerloomError("approval_stale", "The approval ran out before it could be applied.");
            await requireRunNotCancelled(tx, row);
            const evaluation = await evaluate(operation, row.input, context);
            requireSame(approval, evaluation);
            const [, state] = await Promise.all([
              decideApproval(tx, row.id, { status: "applied", consumed: true }, now),
              apply(deps, tx, row, operation, context, evaluation, row.id),
            ]);
            return state;
          });
        }
        case "applied":
        case "refused":
          throw new Error(`approval ${row.id} is ${approval.status}, its operation still pending`);
      }
    },
    limits,
  );
}

async function lockOperation(tx: Tx, id: OperationId): Promise<{ row: OperationRow; operation: AnyOperation }> {
  const name = await lockAuthorityFor(tx, id, exclusiveOperations);
  const operation = name === undefined ? undefined : findOperation(name);
  if (operation === undefined) throw new Error(`no operation ${id}`);
  const row = await findOperationRow(tx, id, "lock");
  if (row === undefined) throw new Error(`operation ${id} vanished`);
  return { row, operation };
}

export function contextOf(deps: OperationDeps, tx: Tx, row: OperationRow): OperationContext {
  return {
    tx,
    now: deps.now(),
    principalId: row.sub,
    newId: deps.newId,
    seal: deps.seal,
    ifMatch: row.if_match ?? undefined,
  };
}

/** Asked through a session that has ended since: the session's rights ended with it. */
async function requireLiveSession(tx: Tx, row: OperationRow): Promise<void> {
  if (row.sid === "" || row.act.startsWith("client:")) return;
  const live = await tx.maybe("select from sessions where id = $1 and ended_at is null", [row.sid]);
  if (live === undefined) throw new PowerloomError("session_ended", "The session this was asked through has ended.");
}

function requireSame(approval: { requirements: Requirement[]; digest: string }, evaluation: Evaluation): void {
  if (approval.digest !== evaluation.digest)
    throw new PowerloomError("approval_stale", "What would be changed is no longer what was approved. Ask again.");
  const key = (requirements: Requirement[]) =>
    requirements
      .map(
        ({ policyId, policyVersion, policyName, approverRole, approvalsNeeded, alsoAt }) =>
          // A built-in rule has no version: it is what it asks for.
          `${policyId ?? `${policyName}:${approverRole}:${approvalsNeeded}`}@${policyVersion}@${alsoAt?.at(-1) ?? ""}`,
      )
      .sort()
      .join(",");
  if (key(approval.requirements) !== key(evaluation.requirements))
    throw new PowerloomError("approval_stale", "The approval policies have changed since this was asked. Ask again.");
}

async function apply(
  deps: OperationDeps,
  tx: Tx,
  row: OperationRow,
  operation: AnyOperation,
  context: OperationContext,
  evaluation: Evaluation,
  approvalId: string | null,
): Promise<OperationState> {
  const { preview, rule, digest } = evaluation;
  const applied = await applyEvaluated(operation, row.input, context, evaluation);
  // Shown once to the person who asked over REST. Nobody reads it through an agent, so then it is not even kept.
  const sealedSecret =
    applied.secret === undefined || row.act !== "" ? null : deps.seal(JSON.stringify(applied.secret));
  announce(tx, {
    type: operation.name,
    ouId: preview.ou.id,
    permission: operation.readPermission,
    principalId: row.sub,
    payload: { request_id: row.id, target: applied.target, summary: preview.summary, ou_path: preview.ou.path },
  });
  if (applied.deleted !== undefined) await freeKeysOf(tx, applied.deleted, row.id);
  await recordOutcome(
    tx,
    row.id,
    {
      status: "applied",
      ouId: preview.ou.id,
      target: applied.target,
      diff: { before: preview.before, after: preview.after, summary: preview.summary },
      result: applied.result,
      sealedSecret,
    },
    context.now,
  );
  appendAudit(
    tx,
    auditBody(row, "applied", {
      ou: preview.ou.path,
      target: `${applied.target.type}:${applied.target.id}`,
      digest,
      rule,
      approval_id: approvalId,
      detail: { summary: preview.summary },
    }),
  );
  return {
    status: "applied",
    reconcile: applied.reconcile ?? [],
    atOnce: applied.takesAway === true,
    expiresAt: 0,
    tell: whomToTell(row, context.now),
    ou: preview.ou.path,
    summary: `${row.name} in ${preview.ou.path}`,
    waiting: "",
  };
}

async function requestApproval(
  deps: OperationDeps,
  tx: Tx,
  row: OperationRow,
  evaluation: Evaluation,
): Promise<OperationState> {
  const { preview, requirements, digest, expiresAfterSeconds } = evaluation;
  const now = deps.now();
  const expiresAt = new Date(now.getTime() + expiresAfterSeconds * 1000);
  const diff = { before: preview.before, after: preview.after, summary: preview.summary };
  await insertApproval(tx, {
    id: row.id,
    kind: "operation",
    sessionId: row.sid === "" ? null : row.sid,
    operation: row.name,
    ouId: preview.ou.id,
    requesterId: row.sub,
    act: row.act,
    requirements,
    digest,
    diff,
    workflowId: workflowIds.provision(row.name, row.id),
    expiresAt,
  });
  await recordOutcome(
    tx,
    row.id,
    { status: "pending_approval", ouId: preview.ou.id, target: preview.target, diff, expiresAt },
    now,
  );
  appendAudit(
    tx,
    auditBody(row, "pending_approval", {
      ou: preview.ou.path,
      target: preview.target === null ? null : `${preview.target.type}:${preview.target.id}`,
      digest,
      rule: askedBy(requirements),
      approval_id: row.id,
      detail: { summary: preview.summary },
    }),
  );
  return {
    status: "pending_approval",
    reconcile: [],
    expiresAt: expiresAt.getTime(),
    tell: null,
    ou: preview.ou.path,
    summary: `${row.name} in ${preview.ou.path}`,
    waiting: waitingFor(requirements, []),
  };
}

/** Runs `body`; what it refuses is recorded and audited, everything else it did is undone. */
export async function refusable<Otherwise>(
  deps: OperationDeps,
  tx: Tx,
  row: OperationRow,
  operation: AnyOperation,
  body: () => Promise<Otherwise>,
): Promise<Otherwise | OperationState> {
  try {
    return await tx.savepoint(body);
  } catch (error) {
    if (!(error instanceof PowerloomError)) throw error;
    const problem = toProblem(error);
    const now = deps.now();
    if (row.status === "pending_approval")
      await decideApproval(tx, row.id, { status: "refused", reason: error.message, consumed: true }, now);
    if (hasWaited(row, now)) announceEnd(tx, row, operation, "refused");
    await recordOutcome(tx, row.id, { status: "refused", problem, reason: error.message }, now);
    appendAudit(
      tx,
      auditBody(row, "refused", {
        ou: ouOf(error) ?? null,
        rule: typeof error.extensions["rule"] === "string" ? error.extensions["rule"] : error.code,
        approval_id: row.status === "pending_approval" ? row.id : null,
        detail: { problem: { code: error.code, detail: error.message }, operation_summary: operation.summary },
      }),
    );
    return {
      status: "refused",
      reconcile: [],
      expiresAt: 0,
      tell: whomToTell(row, now),
      ou: ouOf(error) ?? "",
      summary: `${row.name}: ${error.code}`,
      waiting: "",
    };
  }
}

function ouOf(error: PowerloomError): string | undefined {
  const missing = error.extensions["missing"];
  return typeof missing === "object" && missing !== null && "ou" in missing && typeof missing.ou === "string"
    ? missing.ou
    : undefined;
}

async function finish(
  deps: OperationDeps,
  tx: Tx,
  row: OperationRow,
  operation: AnyOperation,
  status: "denied" | "expired" | "cancelled",
  reason: string | null,
): Promise<OperationState> {
  const now = deps.now();
  announceEnd(tx, row, operation, status);
  await recordOutcome(tx, row.id, { status, reason }, now);
  const state = { ...(await stateOf(tx, { ...row, status })), tell: whomToTell(row, now) };
  appendAudit(
    tx,
    auditBody(row, status, {
      ou: state.ou === "" ? null : state.ou,
      approval_id: row.status === "pending_approval" ? row.id : null,
      detail: { reason, operation_summary: operation.summary },
    }),
  );
  return state;
}

async function stateOf(tx: Tx, row: OperationRow): Promise<OperationState> {
  const ou =
    row.ou_id === null
      ? undefined
      : await tx.maybe<{ path: string }>("select path from ous where id = $1", [row.ou_id]);
  // Of what is finished it says that whoever asked was told to wait, also when that was not for long.
  const pending = row.status === "pending_approval";
  const approval = pending || row.sid !== "" ? await findApproval(tx, row.id) : undefined;
  // Nudging twice is harmless: an answer lost after the commit must not leave the agent unreconciled.
  const agents = row.status === "applied" ? agentIdsIn(row) : [];
  return {
    status: row.status,
    reconcile: agents,
    expiresAt: pending ? row.expires_at.getTime() : 0,
    tell: pending ? null : whomToTell(row, row.finished_at ?? row.created_at, approval !== undefined),
    ou: ou?.path ?? "",
    summary: ou === undefined ? row.name : `${row.name} in ${ou.path}`,
    waiting: pending && approval !== undefined ? waitingFor(approval.requirements, approval.votes) : "",
  };
}

/**
 * The session that asked, when the outcome came after its tool call had been answered. Not the session a run was started
 * through: its agent has not asked for this and would not know what it is about.
 */
function whomToTell(row: OperationRow, settledAt: Date, wasAsked = false): string | null {
  if (row.act.startsWith("run:")) return null;
  return row.sid !== "" && (wasAsked || hasWaited(row, settledAt)) ? row.sid : null;
}

/** Whether whoever asked has been told that it is not done yet. */
function hasWaited(row: OperationRow, settledAt: Date): boolean {
  return row.status === "pending_approval" || settledAt.getTime() - row.created_at.getTime() >= lateMs;
}

/** Tells that nothing came of what was asked. What is applied is told as itself. */
function announceEnd(
  tx: Tx,
  row: OperationRow,
  operation: AnyOperation,
  status: "refused" | "denied" | "expired" | "cancelled",
): void {
  announce(tx, {
    type: "request.finished",
    ouId: row.ou_id,
    permission: "request:read",
    principalId: row.sub,
    payload: {
      target: { type: "request", id: row.id },
      operation: row.name,
      status,
      summary: `${row.diff?.summary ?? operation.summary}: ${status}`,
    },
  });
}

function agentIdsIn(row: OperationRow): string[] {
  if (row.target_type === "agent" && row.target_id !== null) return [row.target_id];
  if (row.target_type === "attachment" && row.target_id !== null) return [row.target_id.split("/")[0] ?? ""];
  return [];
}

/** `policy:careful,chief`, and before it `rule:…` for what is built in. */
function askedBy(requirements: readonly Requirement[]): string {
  const names = (builtIn: boolean) =>
    requirements
      .filter(({ policyId }) => (policyId === null) === builtIn)
      .map(({ policyName }) => policyName)
      .join(",");
  const [rules, policies] = [names(true), names(false)];
  return [rules && `rule:${rules}`, policies && `policy:${policies}`].filter((part) => part !== "").join(" ");
}

/** "1 of 2 approvals by OrgAdmin", for every requirement. */
function waitingFor(requirements: readonly Requirement[], votes: readonly CastVote[]): string {
  return requirements
    .map(
      (requirement) =>
        `${Math.min(approvalsFor(requirement, votes), requirement.approvalsNeeded)} of ${requirement.approvalsNeeded} approvals by ${requirement.approverRole}`,
    )
    .join(", ");
}
