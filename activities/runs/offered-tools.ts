import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { Sql } from "../../db/database.ts";
import type { ToolSpec } from "../../tools/spec.ts";

export const delegateTool = "delegate";

/** Whether one of these names or `server__*` patterns stands for the tool. */
export function allows(entries: readonly string[], tool: string): boolean {
  return entries.some((entry) => (entry.endsWith("*") ? tool.startsWith(entry.slice(0, -1)) : entry === tool));
}

/** Everything a definition lets its agent use, the ones it must ask for included. */
export function allowedTools(definition: AgentDefinition, all: readonly ToolSpec[]): ToolSpec[] {
  const specs = all.filter(({ name }) => allows(definition.tools, name));
  return definition.delegates.length === 0 ? specs : [...specs, delegateSpec(definition.delegates)];
}

/** Tools whose schemas the run has looked up. */
export async function lookedUpTools(sql: Sql, runId: string): Promise<Set<string>> {
  const rows = await sql.rows<{ name: string }>(
    `select distinct args ->> 'name' as name from agent_steps
      where run_id = $1 and tool_name = 'get_tool_schema' and status = 'success'`,
    [runId],
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * Tools whose schemas are sent with a thread's calls: the first ones, the one a planned step uses, and those the run has
 * looked up. With hundreds of tools the rest would be most of the prompt.
 */
export function offeredTools(
  allowed: readonly ToolSpec[],
  looked: ReadonlySet<string>,
  planned: string | null,
): ToolSpec[] {
  return allowed.filter((tool) => tool.bootstrap || tool.name === planned || looked.has(tool.name));
}

function delegateSpec(agents: readonly string[]): ToolSpec {
  return {
    name: delegateTool,
    summary: "Starts a subagent and waits for its result",
    description:
      "Starts one of your subagents with an input that fits its input schema, and waits for its result. The subagent has its own context: it sees nothing of this conversation but the input.",
    inputSchema: {
      type: "object",
      properties: {
        agent: { type: "string", enum: [...agents], description: "Which subagent" },
        input: { type: "object", description: "Its input, as its input schema wants it" },
      },
      required: ["agent", "input"],
      additionalProperties: false,
    },
    outputSchema: null,
    risk: "low",
    readOnly: true,
    bootstrap: true,
    source: { kind: "runtime" },
  };
}
