import { addGroupMember } from "./add-group-member.ts";
import { attachMcpServer } from "./attach-mcp-server.ts";
import { attachSkill } from "./attach-skill.ts";
import { bindRole } from "./bind-role.ts";
import { createAgent } from "./create-agent.ts";
import { createCredential } from "./create-credential.ts";
import { createGroup } from "./create-group.ts";
import { createOu } from "./create-ou.ts";
import { createPolicy } from "./create-policy.ts";
import { createSkill } from "./create-skill.ts";
import { createSkillVersion } from "./create-skill-version.ts";
import { createUser } from "./create-user.ts";
import type { AnyOperation } from "./declaration.ts";
import { deleteAgent } from "./delete-agent.ts";
import { detachMcpServer } from "./detach-mcp-server.ts";
import { detachSkill } from "./detach-skill.ts";
import { registerMcpServer } from "./register-mcp-server.ts";
import { removeGroupMember } from "./remove-group-member.ts";
import { removeMcpServer } from "./remove-mcp-server.ts";
import { revokeCredential } from "./revoke-credential.ts";
import { revokeElevation } from "./revoke-elevation.ts";
import { setGovernanceMode } from "./set-governance-mode.ts";
import { setOuBudget } from "./set-ou-budget.ts";
import { unbindRole } from "./unbind-role.ts";
import { updateAgent } from "./update-agent.ts";
import { updatePolicy } from "./update-policy.ts";

/** Every governed mutation. Adding one is adding a file and its line here. */
export const operations: readonly AnyOperation[] = [
  createAgent,
  updateAgent,
  deleteAgent,
  attachSkill,
  detachSkill,
  attachMcpServer,
  detachMcpServer,
  createCredential,
  revokeCredential,
  registerMcpServer,
  removeMcpServer,
  createSkill,
  createSkillVersion,
  createOu,
  createUser,
  createGroup,
  addGroupMember,
  removeGroupMember,
  bindRole,
  unbindRole,
  createPolicy,
  updatePolicy,
  setGovernanceMode,
  setOuBudget,
  revokeElevation,
];

const byName = new Map(operations.map((operation) => [operation.name, operation]));

/** The declaration of a governed mutation, or undefined. */
export function findOperation(name: string): AnyOperation | undefined {
  return byName.get(name);
}
