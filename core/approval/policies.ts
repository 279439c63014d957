/** An approval policy, as far as matching needs it. */
export interface PolicyRule {
  id: string;
  version: number;
  name: string;
  ouId: string;
  operations: readonly string[];
  approverRole: string;
  approvalsNeeded: number;
  expiresAfterSeconds: number;
  enabled: boolean;
}

/**
 * Which policies stop this operation in this OU. `ancestors` holds the OU's own id and those above it, root first.
 * The nearest policy to the OU comes first; of several, every one must be satisfied.
 */
export function matchPolicies(
  policies: readonly PolicyRule[],
  operation: string,
  ancestors: readonly string[],
): PolicyRule[] {
  return policies
    .filter(
      (policy) =>
        policy.enabled &&
        ancestors.includes(policy.ouId) &&
        policy.operations.some((pattern) => operationMatches(pattern, operation)),
    )
    .sort((a, b) => ancestors.indexOf(b.ouId) - ancestors.indexOf(a.ouId) || (a.id < b.id ? -1 : 1));
}

/** `agent.create`, `agent.*` or `*`. */
export function operationMatches(pattern: string, operation: string): boolean {
  if (pattern === "*") return true;
  if (pattern.endsWith(".*")) return operation.startsWith(pattern.slice(0, -1));
  return pattern === operation;
}
