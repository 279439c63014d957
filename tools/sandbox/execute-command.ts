import { statSync } from "node:fs";
import { refused, type ToolOutcome } from "../outcome.ts";
import type { ToolSpec } from "../spec.ts";
import { allowedText, isAllowed, type Workspace } from "../workspace/workspace.ts";
import { sandboxAvailability } from "./availability.ts";
import { defaultLimits, longestSeconds, type SandboxLimits } from "./limits.ts";
import { type CommandResult, runSandboxed } from "./run-sandboxed.ts";

/** The kernel takes arguments of up to 128 kB (MAX_ARG_STRLEN). */
const longestCommand = 100_000;

export const executeCommandSpec: ToolSpec = {
  name: "execute_command",
  summary: "Run a shell command in the workspace, sandboxed and without network.",
  description:
    "Runs `sh -c command` with the workspace (mounted at /workspace) as working directory. There is no network, " +
    "nothing outside the workspace and /tmp can be written, and what was started in the background ends with the " +
    `command. Time is ${defaultLimits.wallSeconds} s unless \`timeout_seconds\` says otherwise (at most ${longestSeconds}); memory is 1 GB. ` +
    "Of standard output and standard error 256 kB each are returned, beginning and end; `truncated` says when there was more.",
  inputSchema: {
    type: "object",
    properties: {
      command: { type: "string", minLength: 1, maxLength: longestCommand },
      timeout_seconds: { type: "number", exclusiveMinimum: 0, maximum: longestSeconds },
    },
    required: ["command"],
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      exit_code: { type: "integer" },
      stdout: { type: "string" },
      stderr: { type: "string" },
      duration_ms: { type: "integer" },
      timed_out: { type: "boolean" },
      truncated: { type: "boolean" },
    },
    required: ["exit_code", "stdout", "stderr", "duration_ms", "timed_out", "truncated"],
    additionalProperties: false,
  },
  risk: "high",
  readOnly: false,
  bootstrap: true,
  source: { kind: "workspace" },
};

export interface ExecuteCommandArguments {
  command: string;
  timeout_seconds?: number;
}

export interface ExecuteCommandOptions {
  /** Ends the command and everything it started. */
  signal?: AbortSignal;
  limits?: Partial<SandboxLimits>;
  bwrapPath?: string;
}

/**
 * Runs a command in the sandbox, or not at all.
 * @throws the signal's reason when it was aborted
 */
export async function executeCommand(
  workspace: Workspace,
  args: ExecuteCommandArguments,
  options: ExecuteCommandOptions = {},
): Promise<ToolOutcome<CommandResult>> {
  if (args.command.includes("\0") || Buffer.byteLength(args.command) > longestCommand)
    return refused("invalid_arguments", `a command has at most ${longestCommand} bytes, none of them NUL`);
  if (!isAllowed(workspace, []))
    return refused(
      "not_allowed",
      `a command could touch the whole workspace, and this agent is held to ${allowedText(workspace)}`,
    );
  const availability = await sandboxAvailability(options.bwrapPath);
  if (!availability.available) return refused("sandbox_unavailable", availability.reason);
  if (process.getuid?.() === 0 && statSync(workspace.root).uid === 0)
    return refused("sandbox_unavailable", "the workspace belongs to root, and no command runs as root");
  const given = { ...defaultLimits, ...options.limits };
  const run = await runSandboxed({
    programs: availability.programs,
    workspace: workspace.root,
    command: args.command,
    limits: { ...given, wallSeconds: Math.min(args.timeout_seconds ?? given.wallSeconds, longestSeconds) },
    signal: options.signal,
  });
  if (run.status === "failed")
    return refused("sandbox_unavailable", `the sandbox did not start: ${run.reason.trim().slice(0, 500)}`);
  return { status: "done", output: run.result };
}
