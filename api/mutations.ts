import { isGrpcDeadlineError, WithStartWorkflowOperation } from "@temporalio/client";
import type { Request, Response } from "express";
import { v7 } from "uuid";
import { z } from "zod";
import { digestOf } from "../core/canonical.ts";
import { PowerloomError, type Problem } from "../core/errors.ts";
import { workflowIds } from "../core/ids.ts";
import { findOperationRow, type OperationRow, takeSealedSecret } from "../db/queries/operations.ts";
import { admitOperation } from "../operations/admit.ts";
import type { AnyOperation } from "../operations/declaration.ts";
import { evaluate } from "../operations/execute.ts";
import { initialAttributes } from "../temporal/nudge.ts";
import { submit, taskQueues, workflowTaskTimeout } from "../workflows/messages.ts";
import { callerOf, requireDelegable } from "./authenticate.ts";
import type { ApiDeps, Caller } from "./deps.ts";
import { parseInput, sendProblem } from "./problem.ts";
import { type RequestRow, requestRowToView, requestSelect } from "./views/requests.ts";
import { versionOf } from "./views/version.ts";

/** How long a POST waits for the outcome before it answers 202. */
const waitMs = 5_000;
/** How long an intent may wait to be taken up, and how long a key is remembered unless the client says less. */
const intentSeconds = 600;
const keySeconds = 24 * 3600;

const mutationQuery = z.strictObject({ dryRun: z.enum(["true", "false"]).optional() });

/** A mutation, start to end (design §2): store the intent, have its workflow decide it, answer from the row. */
export function mutationHandler(deps: ApiDeps, operation: AnyOperation) {
  return async (req: Request, res: Response): Promise<void> => {
    res.locals["operation"] = operation.name;
    const caller = callerOf(res);
    requireDelegable(caller, operation.name, operation.delegable);
    const body: unknown = req.body ?? {};
    if (typeof body !== "object" || body === null || Array.isArray(body))
      throw new PowerloomError("invalid_input", "The body must be a JSON object.", { pointer: "" });
    const input = parseInput(operation.input.strict(), { ...body, ...req.params }) as Record<string, unknown>;
    const ifMatch = parseIfMatch(req.get("if-match"));
    // Strict: a misspelt dry run must not be carried out.
    if (parseInput(mutationQuery, req.query).dryRun === "true") {
      res.locals["dryRun"] = true;
      res.json(await dryRun(deps, operation, caller, input, ifMatch));
      return;
    }

    const id = `req_${v7().replaceAll("-", "")}`;
    const now = deps.now();
    const admitted = await deps.db.inOrganisation(caller.organisationId, (tx) =>
      admitOperation(deps, tx, operation, {
        id,
        name: operation.name,
        sub: caller.principalId,
        act: caller.act,
        sid: caller.sid,
        idempotencyKey: parseKey(req.get("idempotency-key")),
        keyExpiresAt: new Date(now.getTime() + keyTtl(req.get("powerloom-key-ttl")) * 1000),
        bodyDigest: digestOf({ operation: operation.name, input, ifMatch: ifMatch ?? null }),
        input,
        ifMatch: ifMatch ?? null,
        expiresAt: new Date(now.getTime() + intentSeconds * 1000),
      }),
    );
    if (admitted.row.status === "received") await awaitOutcome(deps, caller.organisationId, admitted);
    await answerFromRow(deps, operation, caller, admitted.row.id, res);
  };
}

/**
 * Starts the workflow unless it runs, and waits for its outcome for a bounded time. Trouble is not an error: the row tells.
 * The worker says when the outcome is committed: that is a third sooner than the update's own answer, which comes after
 * Temporal has stored the workflow's end (ADR 10).
 */
async function awaitOutcome(
  deps: ApiDeps,
  organisationId: string,
  { row, ou }: { row: OperationRow; ou?: string },
): Promise<void> {
  const start = new WithStartWorkflowOperation("provision", {
    workflowId: workflowIds.provision(row.name, row.id),
    taskQueue: taskQueues.main,
    args: [{ organisationId, operationId: row.id }],
    workflowIdConflictPolicy: "USE_EXISTING",
    workflowIdReusePolicy: "REJECT_DUPLICATE",
    workflowTaskTimeout,
    typedSearchAttributes: initialAttributes(organisationId, row.name, ou),
    staticSummary: `${row.name} ${row.id}`,
  });
  let stopHearing: (() => void) | undefined;
  const committed = new Promise<void>((resolve) => {
    stopHearing = deps.notifications.hear("outcomes", row.id, resolve);
  });
  const answered = deps.temporal.connection
    .withDeadline(Date.now() + waitMs, () =>
      deps.temporal.workflow.executeUpdateWithStart(submit, { updateId: "submit", startWorkflowOperation: start }),
    )
    .catch((error: unknown) => {
      if (!isGrpcDeadlineError(error))
        deps.log.warn({ err: error, operation: row.id }, "no outcome from the workflow yet");
    });
  await Promise.race([committed, answered]);
  stopHearing?.();
}

/** The row is the truth: its status becomes the answer. No 5xx after an intent is stored. */
async function answerFromRow(
  deps: ApiDeps,
  operation: AnyOperation,
  caller: Caller,
  id: string,
  res: Response,
): Promise<void> {
  const { row, view } = await deps.db.readOrganisation(caller.organisationId, async (tx) => {
    const found = await findOperationRow(tx, id);
    if (found === undefined) throw new Error("the intent cannot be read");
    const waits = found.status === "received" || found.status === "pending_approval";
    const request = waits ? await tx.maybe<RequestRow>(`${requestSelect} where p.id = $1`, [id]) : undefined;
    return { row: found, view: request && requestRowToView(request) };
  });
  const sealed =
    row.sealed_secret !== null && caller.act === ""
      ? await deps.db.inOrganisation(caller.organisationId, (tx) => takeSealedSecret(tx, id))
      : null;
  res.set("Powerloom-Request-Id", row.id);
  switch (row.status) {
    case "applied": {
      const secret = sealed === null ? {} : (JSON.parse(deps.unseal(sealed)) as Record<string, string>);
      const version = versionOf(row.result);
      if (version !== undefined) res.set("ETag", `"${version}"`);
      res.status(operation.http.status).json({ ...row.result, ...secret });
      return;
    }
    case "received":
    case "pending_approval":
      res.status(202).location(`/requests/${row.id}`).json(view);
      return;
    case "refused":
      res
        .status(row.problem?.status ?? 403)
        .type("application/problem+json")
        .send(JSON.stringify({ ...row.problem, request_id: row.id } as Partial<Problem>));
      return;
    case "denied":
      sendProblem(
        res,
        new PowerloomError("forbidden", `The request was denied: ${row.reason ?? "no reason given"}`, {
          request_id: row.id,
        }),
      );
      return;
    case "expired":
    case "cancelled":
      sendProblem(res, new PowerloomError("gone", `The request is ${row.status}. Ask again.`, { request_id: row.id }));
  }
}

class RollBack extends Error {
  readonly answer: Record<string, unknown>;
  constructor(answer: Record<string, unknown>) {
    super("dry run");
    this.answer = answer;
  }
}

/** Decision, matching policies and diff, from the very code that would apply it; then everything is undone. */
async function dryRun(
  deps: ApiDeps,
  operation: AnyOperation,
  caller: Caller,
  input: Record<string, unknown>,
  ifMatch: number | undefined,
): Promise<Record<string, unknown>> {
  try {
    return await deps.db.inOrganisation(caller.organisationId, async (tx) => {
      const context = {
        tx,
        now: deps.now(),
        principalId: caller.principalId,
        newId: deps.newId,
        seal: deps.seal,
        ifMatch,
      };
      const { preview, rule, requirements, digest } = await evaluate(operation, input, context);
      const { before, after, summary } = preview;
      throw new RollBack({
        decision: requirements.length === 0 ? "allowed" : "needs_approval",
        operation: operation.name,
        rule,
        policies: requirements.map((requirement) => ({
          id: requirement.policyId,
          name: requirement.policyName,
          approver_role: requirement.approverRole,
          approvals_needed: requirement.approvalsNeeded,
        })),
        diff: { before, after, summary },
        digest,
      });
    });
  } catch (error) {
    if (error instanceof RollBack) return error.answer;
    throw error;
  }
}

function parseKey(header: string | undefined): string | null {
  if (header === undefined) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(header))
    throw new PowerloomError("bad_request", "Idempotency-Key must have 1 to 255 visible ASCII characters.");
  return header;
}

function keyTtl(header: string | undefined): number {
  if (header === undefined) return keySeconds;
  const seconds = Number(header);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > keySeconds)
    throw new PowerloomError("bad_request", `Powerloom-Key-Ttl must be 1 to ${keySeconds} seconds.`);
  return seconds;
}

function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header === "*") return undefined;
  const version = /^"(\d{1,9})"$/.exec(header)?.[1];
  if (version === undefined) throw new PowerloomError("bad_request", 'If-Match must be an ETag such as "3".');
  return Number(version);
}
