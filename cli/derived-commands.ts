import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { type CommandSpec, commands } from "../contracts/generated/commands.ts";
import { agentId } from "./agent-reference.ts";
import { print, printAnswer, printMutation } from "./answer.ts";
import type { ApiClient, ApiRequest } from "./api-client.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "./connection.ts";
import { examplesOf } from "./examples.ts";
import { addParameters, requestFor } from "./parameters.ts";
import { renderAnswer } from "./render-value.ts";
import type { Shell } from "./shell.ts";

export interface DerivedOptions extends GlobalOptions {
  dryRun?: boolean;
  ifMatch?: string;
  idempotencyKey?: string;
  wait?: boolean;
  [parameter: string]: unknown;
}

const groupSummaries: Readonly<Record<string, string>> = {
  agents: "Agents, what they may use, and their sync state",
  approvals: "What waits for a decision",
  "approval-policies": "Which changes need whose approval",
  audit: "The audit chain",
  authority: "Who may do what, and why",
  environment: "What this Powerloom is",
  bindings: "Who holds which role where",
  budgets: "What the runs of an OU may use",
  credentials: "Bearers of agents for MCP servers",
  elevations: "What agents may do again without asking",
  governance: "What runs may do: the governance mode",
  groups: "Groups of people",
  "mcp-servers": "Registered MCP servers",
  ous: "The tree of organisational units",
  requests: "Changes asked for, from intent to outcome",
  roles: "Built-in roles",
  runs: "Runs of agents",
  sessions: "Conversations with agents",
  skills: "Skills and their versions",
  users: "People",
};

/** Adds a command for every read, operation and action, except where one of that name is there already. */
export function addDerivedCommands(program: Command, shell: Shell): void {
  for (const spec of commands) {
    const words = spec.command.split(" ");
    const parent = words.slice(0, -1).reduce(groupOf, program);
    const name = words.at(-1) ?? "";
    if (parent.commands.some((command) => command.name() === name)) continue;
    const command = declare(parent.command(name), spec);
    command.action(async () => {
      const options = command.optsWithGlobals<DerivedOptions>();
      const api = await connect(shell, options);
      const request = await requestFor(spec, command.args, options, (reference) => agentId(api, reference));
      await perform(shell, api, spec, request, options);
    });
  }
}

/** The group of commands with this name below a command; made when it is not there. */
export function groupOf(parent: Command, name: string): Command {
  const found = parent.commands.find((command) => command.name() === name);
  return (
    found ??
    parent
      .command(name)
      .description(groupSummaries[name] ?? "")
      .enablePositionalOptions()
  );
}

/** The table's row of a name. */
export function specOf(name: string): CommandSpec {
  const spec = commands.find((command) => command.name === name);
  if (spec === undefined) throw new Error(`there is no ${name} in the generated table`);
  return spec;
}

/** Gives a command everything a spec says: description, parameters, options, examples. */
export function declare(command: Command, spec: CommandSpec): Command {
  command.description(spec.summary);
  addParameters(command, spec);
  if (spec.kind === "operation")
    command
      .addOption(new Option("--dry-run", "decide and show the change, and do nothing"))
      .addOption(new Option("--if-match <version>", "only when this is still the version (generation of an agent)"))
      .addOption(new Option("--wait", "when it needs an approval, wait until it is decided"));
  if (spec.kind !== "read")
    command.addOption(new Option("--idempotency-key <key>", "repeat safely with the same key (default: a new one)"));
  addGlobalOptions(command);
  const examples = examplesOf(spec);
  return examples === "" ? command : command.addHelpText("after", examples);
}

/** Sends the request of a spec and prints its answer. */
export async function perform(
  shell: Shell,
  api: ApiClient,
  spec: CommandSpec,
  request: ApiRequest,
  options: DerivedOptions,
): Promise<void> {
  const answer = await api.send({
    ...request,
    query: { ...request.query, ...(options.dryRun === true ? { dryRun: true } : {}) },
    headers: {
      ...(spec.kind === "read" ? {} : { "idempotency-key": options.idempotencyKey ?? randomUUID() }),
      ...(options.ifMatch === undefined ? {} : { "if-match": etag(options.ifMatch) }),
    },
    ...(spec.name === "agent.invoke" ? { timeoutMs: 330_000 } : {}),
  });
  if (options.dryRun === true)
    print(shell, options.json, answer.body, (paint) => [
      paint("dim", "Dry run: nothing was changed."),
      ...renderAnswer(spec.name, answer.body, paint),
    ]);
  else if (spec.kind === "operation") await printMutation(shell, api, options, spec.name, answer);
  else printAnswer(shell, options.json, spec.name, answer.body);
}

/** `3`, `"3"` and `*` are all understood. */
function etag(version: string): string {
  return /^\d+$/.test(version) ? `"${version}"` : version;
}
