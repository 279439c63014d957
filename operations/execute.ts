import type { z } from "zod";
import { matchPolicies, type PolicyRule, policiesByOu } from "../core/approval/policies.ts";
import type { Requirement } from "../core/approval/votes.ts";
import { type AuditBody, aboutRun } from "../core/audit/entry.ts";
import { decide, explainDenial } from "../core/authority/decide.ts";
import type { Permission } from "../core/authority/roles.ts";
import { digestOf } from "../core/canonical.ts";
import { PowerloomError } from "../core/errors.ts";
import { type Sql, sqlState } from "../db/database.ts";
import { findGranters, gatherEvidence } from "../db/queries/authority.ts";
import { policiesCovering } from "../db/queries/policies.ts";
import type { AnyOperation, OperationContext, OuScope, Preview } from "./declaration.ts";

/** What submitting and applying an approved change have in common: rights, preview, policies, digest. */
export interface Evaluation {
  preview: Preview<unknown>;
  /** The rule that allowed it: the binding of the main permission. */
  rule: string;
  requirements: Requirement[];
  /** Seconds after which a request under these policies and rules expires: the shortest of them. */
  expiresAfterSeconds: number;
  digest: string;
}

/**
 * Evaluates an operation for a person, inside the transaction that would have the effect: preview, rights, policies.
 * @throws PowerloomError with the refusal: the permission, the OU, and who can grant it
 */
export async function evaluate(
  operation: AnyOperation,
  input: Record<string, unknown>,
  context: OperationContext,
): Promise<Evaluation> {
  // Asked for together with the evidence: nearly always they are wanted, and then they cost no round trip.
  const covering = new Map<string, Promise<PolicyRule[]>>();
  const { preview, rule } = await authoriseOperation(operation, input, context, (ou) => {
    const asked = policiesCovering(context.tx, ou.ancestors);
    asked.catch(() => undefined);
    covering.set(ou.id, asked);
  });
  const matching = async (name: string, { id, ancestors }: OuScope) =>
    matchPolicies(policiesByOu(await (covering.get(id) ?? policiesCovering(context.tx, ancestors))), name, ancestors);
  const bound: { policy: PolicyRule; alsoAt?: string[] }[] = (await matching(operation.name, preview.ou)).map(
    (policy) => ({ policy }),
  );
  for (const also of preview.alsoAmountsTo ?? [])
    for (const policy of await matching(also.operation, also.ou)) bound.push({ policy, alsoAt: also.ou.ancestors });
  const { ou, target, targetVersion, plan, before, after, needsApproval } = preview;
  return {
    preview,
    rule,
    requirements: [
      ...(needsApproval === undefined ? [] : [builtInRequirement(needsApproval)]),
      ...bound.map(({ policy, alsoAt }) => ({
        policyId: policy.id,
        policyVersion: policy.version,
        policyName: policy.name,
        approverRole: policy.approverRole,
        approvalsNeeded: policy.approvalsNeeded,
        ...(alsoAt === undefined ? {} : { alsoAt }),
      })),
    ],
    expiresAfterSeconds: Math.min(
      ...bound.map(({ policy }) => policy.expiresAfterSeconds),
      needsApproval?.expiresAfterSeconds ?? Number.POSITIVE_INFINITY,
    ),
    digest: digestOf({ operation: operation.name, ou: ou.id, target, targetVersion, plan, before, after }),
  };
}

function builtInRequirement({ rule, approverRole, approvalsNeeded }: NonNullable<Preview<unknown>["needsApproval"]>) {
  return { policyId: null, policyVersion: null, policyName: rule, approverRole, approvalsNeeded };
}

/** The part of an evaluation that can refuse: what would be done, and whether this person may do it. */
export async function authoriseOperation(
  operation: AnyOperation,
  input: Record<string, unknown>,
  context: OperationContext,
  onAuthorise?: (ou: OuScope) => void,
): Promise<{ preview: Preview<unknown>; rule: string }> {
  const rules = new Map<string, string>();
  const authorise = async (ou: OuScope) => {
    const required = requirePermission(context, operation.permission, ou);
    onAuthorise?.(ou);
    rules.set(ou.id, await required);
  };
  const preview = await refusingBadData(() =>
    operation.preview({ ...context, authorise }, input as z.infer<typeof operation.input>),
  );
  const rule = rules.get(preview.ou.id);
  if (rule === undefined) throw new Error(`${operation.name} was not authorised at ${preview.ou.path}`);
  await requireAll(context, preview.alsoNeeds ?? []);
  return { preview, rule };
}

/** Every one of several permissions. Handing out a role needs all that it grants: one look at the bindings per OU. */
async function requireAll(context: OperationContext, needs: NonNullable<Preview<unknown>["alsoNeeds"]>): Promise<void> {
  const perOu = Map.groupBy(needs, ({ ou }) => ou.id);
  for (const group of perOu.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const evidence = await gatherEvidence(context.tx, context.principalId, first.permission, first.ou, context.now);
    const missing = group.find(({ permission }) => decide({ ...evidence, permission }).effect === "deny");
    if (missing !== undefined) await requirePermission(context, missing.permission, missing.ou);
  }
}

/** The rule that allows it, or a 403 that says what is missing, where, and who could grant it. */
export async function requirePermission(
  { tx, principalId, now }: Pick<OperationContext, "principalId" | "now"> & { tx: Sql },
  permission: Permission,
  ou: OuScope,
): Promise<string> {
  const evidence = await gatherEvidence(tx, principalId, permission, ou, now);
  const decision = decide(evidence);
  if (decision.effect === "allow") return decision.rule;
  const denial = decide({ ...evidence, granters: await findGranters(tx, permission, ou.ancestors, now) });
  if (denial.effect === "allow") return denial.rule;
  throw new PowerloomError("forbidden", explainDenial(denial), {
    rule: denial.rule,
    reason: denial.reason,
    missing: denial.missing,
    who_can_grant: denial.whoCanGrant.map(({ email, role, ouPath }) => ({ email, role, ou: ouPath })),
  });
}

/** Applies an evaluated operation, inside a savepoint. A race lost to another transaction is a conflict, not a crash. */
export function applyEvaluated(
  operation: AnyOperation,
  input: Record<string, unknown>,
  context: OperationContext,
  evaluation: Evaluation,
) {
  return refusingBadData(() =>
    operation.apply(context, input as z.infer<typeof operation.input>, evaluation.preview as Preview<never>),
  );
}

async function refusingBadData<Result>(body: () => Promise<Result>): Promise<Result> {
  try {
    return await body();
  } catch (error) {
    switch (sqlState(error) ?? "") {
      case "23505":
        throw new PowerloomError(
          "conflict",
          "Something with this name or for this pair exists already.",
          {},
          { cause: error },
        );
      case "23503":
        throw new PowerloomError("conflict", "Something this refers to has just been removed.", {}, { cause: error });
      case "22P02":
      case "22003":
      case "22021":
      case "23514":
        throw new PowerloomError("invalid_input", "A value is outside what can be stored.", {}, { cause: error });
      default:
        throw error;
    }
  }
}

/** The audit entry of an operation's outcome. */
export function auditBody(
  operation: {
    id: string;
    name: string;
    sub: string;
    act: string;
    sid: string;
    run?: { id: string; trace_id: string } | null;
  },
  outcome: AuditBody["outcome"],
  more: Partial<Pick<AuditBody, "ou" | "target" | "digest" | "rule" | "approval_id" | "detail">>,
): AuditBody {
  return {
    id: operation.id,
    sub: operation.sub,
    act: operation.act === "" ? null : operation.act,
    delegated_from_session: operation.sid === "" ? null : operation.sid,
    operation: operation.name,
    ou: null,
    target: null,
    digest: null,
    rule: null,
    approval_id: null,
    outcome,
    ...more,
    detail: { ...aboutRun(operation.run), ...more.detail },
  };
}
