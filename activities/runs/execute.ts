import { storable } from "../../db/storable.ts";
import type { ToolOutcome } from "../../tools/outcome.ts";
import { createRegistry } from "../../tools/registry.ts";
import { executeCommand } from "../../tools/sandbox/execute-command.ts";
import { listDirectory } from "../../tools/workspace/list-directory.ts";
import { readFile } from "../../tools/workspace/read-file.ts";
import { openWorkspace, type Workspace } from "../../tools/workspace/workspace.ts";
import { writeFile } from "../../tools/workspace/write-file.ts";
import type { Admitted } from "./admit-tool.ts";
import { useControlPlane } from "./control-plane.ts";
import { definitionOf } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { callServerTool } from "./mcp-tools.ts";
import { allowedTools } from "./offered-tools.ts";
import { toolsOf } from "./tools-of-run.ts";
import { workspaceOf } from "./workspaces.ts";

export interface ToolResult {
  /** What the model is told: JSON, or in plain words why not. */
  text: string;
  error: boolean;
  timedOut: boolean;
  exitCode: number | null;
}

/** How a tool is used. */
export interface Use {
  /** Ends it early. */
  signal: AbortSignal;
  /** To be waited for directly before anything is done outside of our rows. Throws `Overtaken`. */
  beforeItIsDone: () => Promise<void>;
}

/**
 * Uses an admitted tool. Whatever the tool refuses or fails at is a result for the model, not a failure of the run.
 * @throws Overtaken
 */
export async function useTool(deps: RunDeps, admitted: Admitted, use: Use): Promise<ToolResult> {
  const { signal, beforeItIsDone } = use;
  const { run, step, spec, lost, allowedPaths } = admitted;
  if (lost)
    return failure(
      "The worker was lost while this ran. Whether it was carried out is not known, so it is not repeated: find out before you call it again.",
    );
  if (spec.source.kind === "control_plane") return useControlPlane(deps, admitted, signal);
  const args = step.args ?? {};
  const workspace = () => openWorkspace(workspaceOf(deps, run), allowedPaths);
  if (spec.source.kind === "mcp") return callServerTool(deps, admitted, spec.source, use);
  switch (spec.name) {
    case "read_file":
      return said(await readFile(await workspace(), args as unknown as Parameters<typeof readFile>[1]));
    case "write_file":
      return said(
        await writeFile(await workspace(), args as unknown as Parameters<typeof writeFile>[1], beforeItIsDone),
      );
    case "list_directory":
      return said(await listDirectory(await workspace(), args as unknown as Parameters<typeof listDirectory>[1]));
    case "execute_command":
      return command(await workspace(), args, use);
    case "search_tools":
    case "get_tool_schema": {
      const allowed = await deps.db.readOrganisation(admitted.organisationId, async (sql) =>
        allowedTools(await definitionOf(sql, run), await toolsOf(sql, deps, run)),
      );
      const registry = createRegistry(allowed);
      if (spec.name === "search_tools")
        return ok({ tools: registry.search(String(args["query"]), Number(args["limit"] ?? 10)) });
      const full = registry.full(String(args["name"]));
      return full === undefined
        ? failure(`There is no tool ${String(args["name"])}. search_tools finds some.`)
        : ok(full);
    }
    default:
      return failure(`The tool ${spec.name} cannot be used here.`);
  }
}

async function command(
  workspace: Workspace,
  args: Record<string, unknown>,
  { signal, beforeItIsDone }: Use,
): Promise<ToolResult> {
  await beforeItIsDone();
  const outcome = await executeCommand(workspace, args as { command: string; timeout_seconds?: number }, { signal });
  const result = said(outcome);
  if (outcome.status !== "done") return result;
  return { ...result, timedOut: outcome.output.timed_out, exitCode: outcome.output.exit_code };
}

function said(outcome: ToolOutcome<unknown>): ToolResult {
  return outcome.status === "done" ? ok(outcome.output) : failure(outcome.message);
}

function ok(output: unknown): ToolResult {
  return { text: JSON.stringify(output), error: false, timedOut: false, exitCode: null };
}

function failure(message: string): ToolResult {
  return { text: String(storable(message)), error: true, timedOut: false, exitCode: null };
}
