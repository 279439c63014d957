import type { Permission } from "../core/authority/roles.ts";
import { PowerloomError } from "../core/errors.ts";
import { grantedRoots } from "../db/queries/authority.ts";
import type { OperationContext } from "./declaration.ts";

interface Placed {
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
}

/**
 * What an agent uses must be offered where it lives: registered in its OU or above it, or readable by the person who
 * attaches it. Anything else would let one department wire another's servers by guessing an id.
 */
export async function requireReachable(
  { tx, principalId, now }: OperationContext,
  used: Placed & { name: string },
  agent: Placed,
  permission: Permission,
): Promise<void> {
  if (agent.ou_ancestors.includes(used.ou_id)) return;
  const roots = await grantedRoots(tx, principalId, permission, now);
  if (used.ou_ancestors.some((ou) => roots.includes(ou))) return;
  throw new PowerloomError(
    "forbidden",
    `insufficient permissions. \`${used.name}\` lives in \`${used.ou_path}\`: you need \`${permission}\` there to use it in \`${agent.ou_path}\`.`,
    { missing: { permission, ou: used.ou_path } },
  );
}
