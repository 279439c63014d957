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

/** Policies by the OU they stand at. */
export type PoliciesByOu = ReadonlyMap<string, readonly PolicyRule[]>;

export function policiesByOu(policies: readonly PolicyRule[]): PoliciesByOu {
  return Map.groupBy(policies, (policy) => policy.ouId);
}

/**
 * Which policies stop this operation in this OU. `ancestors` holds the OU's own id and those above it, root first.
 * The nearest policy to the OU comes first; of several, every one must be satisfied.
 */
export function matchPolicies(policies: PoliciesByOu, operation: string, ancestors: readonly string[]): PolicyRule[] {
  return ancestors
    .toReversed()
    .flatMap((ou) =>
      (policies.get(ou) ?? [])
        .filter(({ enabled, operations }) => enabled && operations.some((one) => operationMatches(one, operation)))
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
}

/** `agent.create`, `agent.*` or `*`. */
export function operationMatches(pattern: string, operation: string): boolean {
  if (pattern === "*") return true;
  if (pattern.endsWith(".*")) return operation.startsWith(pattern.slice(0, -1));
  return pattern === operation;
}
