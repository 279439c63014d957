import type { CommandParameter } from "../../contracts/generated/commands.ts";

/** What a field may name of what exists. */
export type Reference = "ou" | "user" | "group" | "skill" | "mcp_server" | "agent" | "role" | "ou_id";

const byName: Readonly<Record<string, Reference>> = {
  ou: "ou",
  ou_id: "ou_id",
  home_ou: "ou",
  parent: "ou",
  owner: "user",
  user: "user",
  group_id: "group",
  group: "group",
  member_group_id: "group",
  member_group: "group",
  skill_id: "skill",
  mcp_server_id: "mcp_server",
  agent_id: "agent",
  role: "role",
};

/** What a field names, when it names something that exists; undefined for all others. */
export function referenceOf({ name, type, enum: choices }: CommandParameter): Reference | undefined {
  return type === "string" && choices === undefined ? byName[name] : undefined;
}
