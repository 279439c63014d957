import type { Gate } from "../outcomes.ts";
import type { Constraint, ToolGrant, ToolSubject, ToolView } from "../subjects.ts";

/** The definition lets its agent use this tool, here, and once more. */
export const toolAllowed: Gate<ToolSubject> = {
  name: "tool-allowed",
  check: (subject) => {
    const missing = notGranted(subject.tool, subject.grant);
    if (missing !== undefined) return { kind: "refuse", reason: missing };
    for (const constraint of subject.grant.constraints) {
      const broken = brokenBy(subject, constraint);
      if (broken !== undefined) return { kind: "refuse", reason: broken };
    }
    return { kind: "pass" };
  },
};

/** Whether one of these names or `server__*` patterns stands for the tool. */
function toolListed(tools: readonly string[], name: string): boolean {
  return tools.some((entry) => (entry.endsWith("__*") ? name.startsWith(entry.slice(0, -1)) : entry === name));
}

function notGranted(tool: ToolView, grant: ToolGrant): string | undefined {
  if (tool.name === "delegate") {
    if (tool.delegateTo !== null && grant.delegates.includes(tool.delegateTo)) return undefined;
    return `the definition does not let its agent start \`${tool.delegateTo ?? "nobody"}\`; ${listed(grant.delegates)}`;
  }
  if (toolListed(grant.tools, tool.name)) return undefined;
  return `the definition does not list the tool \`${tool.name}\`; ${listed(grant.tools)}`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "it lists none" : `it lists ${names.join(", ")}`;
}

function brokenBy({ tool, paths, callsMade }: ToolSubject, constraint: Constraint): string | undefined {
  switch (constraint.type) {
    case "read_only":
      // Whom it starts is held by a definition of its own.
      return tool.readOnly || tool.name === "delegate"
        ? undefined
        : `the agent may only read, and \`${tool.name}\` is no read`;
    case "max_steps":
      return callsMade < constraint.value ? undefined : `the agent has used up its ${constraint.value} tool calls`;
    case "path_constraint": {
      const outside = paths.find((path) => !constraint.paths.some((allowed) => within(path, allowed)));
      return outside === undefined ? undefined : `\`${outside}\` is outside of ${constraint.paths.join(", ")}`;
    }
    case "max_parallel":
      // A matter of the order of calls, not of one call.
      return undefined;
  }
}

/** Both are relative to the workspace. A path that leads upwards or is absolute is within nothing. */
export function within(path: string, folder: string): boolean {
  const parts = partsOf(path);
  const allowed = partsOf(folder);
  if (parts === undefined || allowed === undefined) return false;
  return allowed.every((part, index) => part === parts[index]);
}

function partsOf(path: string): string[] | undefined {
  if (path.startsWith("/") || path.includes("\\")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts;
}
