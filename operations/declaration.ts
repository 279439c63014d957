import type { z } from "zod";
import type { Permission, RoleName } from "../core/authority/roles.ts";
import type { Tx } from "../db/database.ts";

/** Where an operation acts: decides whose rights count and which policies match. */
export interface OuScope {
  id: string;
  path: string;
  ancestors: string[];
}

export interface OperationContext {
  tx: Tx;
  now: Date;
  /** The person whose rights count. */
  principalId: string;
  /** A time-ordered UUID. */
  newId: () => string;
  /** Seals a secret under the key kept outside the database. */
  seal: (secret: string) => string;
  /** The version the client named in If-Match. */
  ifMatch: number | undefined;
}

export interface PreviewContext extends OperationContext {
  /**
   * Refuses who does not hold the operation's permission at this OU. A preview calls it as soon as it knows the OU, before
   * anything else it may say: names, versions and ids are not for people without rights there.
   */
  authorise: (ou: OuScope) => Promise<void>;
}

/**
 * What an operation would do, computed by the server before anything is done. The approver sees `before`, `after` and
 * `summary`; the digest covers all of it, so what is applied is what was approved.
 */
export interface Preview<Plan> {
  ou: OuScope;
  target: { type: string; id: string } | null;
  /** Version of the target this was computed from; another one at execution makes an approval stale. */
  targetVersion: number | null;
  plan: Plan;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  summary: string;
  /** Permissions needed besides the operation's own, e.g. everything a role grants in order to hand it out. */
  alsoNeeds?: { permission: Permission; ou: OuScope }[];
  /** What it amounts to besides: the approval policies on these operations bind as if they had been asked for. */
  alsoAmountsTo?: { operation: string; ou: OuScope }[];
  /** A built-in rule asks for approval at this OU besides, whatever the policies say: nobody can switch it off. */
  needsApproval?: { rule: string; approverRole: RoleName; approvalsNeeded: number; expiresAfterSeconds: number };
}

interface Applied {
  target: { type: string; id: string };
  result: Record<string, unknown>;
  /** Shown once to a person over REST: merged into the first answer, never stored in the clear, never delegated. */
  secret?: Record<string, string>;
  /** Agents whose desired state changed. */
  reconcile?: string[];
  /** They lose something by it: the reconciler takes them first. */
  takesAway?: true;
  /** Ids of things that no longer exist: idempotency keys that made them are free again. */
  deleted?: string[];
}

/**
 * One governed mutation. From this declaration come the RBAC check, approval matching, the idempotency key, the audit
 * entry, the REST route, its OpenAPI entry, the CLI command and, where it is one of the eleven, the MCP tool.
 */
export interface OperationDeclaration<Input extends z.ZodObject = z.ZodObject, Plan = unknown> {
  /** `agent.create` */
  name: string;
  summary: string;
  permission: Permission;
  risk: "low" | "medium" | "high";
  /** Whether a delegated token may ask for it: only what the tools of our MCP servers need. */
  delegable: boolean;
  /** `update` for changes to bindings and policies: no mutation is decided on rights that change under it. */
  authorityLock: "share" | "update";
  http: { method: "POST" | "PATCH" | "DELETE"; path: string; status: 200 | 201 };
  /** Words of the CLI command. */
  command: string;
  /** Permission to read the resulting change in the event stream. */
  readPermission: Permission;
  input: Input;
  output: z.ZodType;
  preview(context: PreviewContext, input: z.infer<Input>): Promise<Preview<Plan>>;
  apply(context: OperationContext, input: z.infer<Input>, preview: Preview<Plan>): Promise<Applied>;
}

/** Any declaration, its types erased: what registries and executors handle. */
export type AnyOperation = OperationDeclaration;

/** Keeps input and plan types together inside one declaration, and erases them for the registry. */
export function defineOperation<Input extends z.ZodObject, Plan>(
  declaration: OperationDeclaration<Input, Plan>,
): AnyOperation {
  return declaration as unknown as AnyOperation;
}
