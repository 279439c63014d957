import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { print } from "../answer.ts";
import { createApiClient } from "../api-client.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes, usageFailure } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { printable } from "../printable.ts";
import { renderFields } from "../render-value.ts";
import type { Shell } from "../shell.ts";
import { devToken } from "./login.ts";

interface BootstrapOptions extends GlobalOptions {
  adminEmail?: string;
  adminToken?: string;
  ouPath?: string;
  name: string;
  displayName: string;
  model?: string;
  systemPromptFile?: string;
}

const examples = [
  "bootstrap --admin-email admin@dev.local --ou-path /dev-org/engineering",
  'bootstrap --api https://powerloom.example.com --admin-token "$JWT" --ou-path /acme/platform',
];

/** `bootstrap`: the meta-agent, its MCP server and its credential. Repeating it changes nothing. */
export function addBootstrap(program: Command, shell: Shell): void {
  const command = addGlobalOptions(program.command("bootstrap"))
    .description("Set up the meta-agent, once per organisation; safe to repeat")
    .addOption(new Option("--ou-path <path>", "OU where the meta-agent lives (required)"))
    .addOption(new Option("--admin-email <email>", "who will own it; in dev mode this alone logs in"))
    .addOption(new Option("--admin-token <jwt>", "the admin's token (default: the saved login)"))
    .addOption(new Option("--name <slug>", "the agent's name").default("powerloom-meta"))
    .addOption(new Option("--display-name <text>", "as people read it").default("Powerloom Meta"))
    .addOption(new Option("--model <id>", "a Claude model id (default: the built-in one)"))
    .addOption(new Option("--system-prompt-file <path>", "instead of the built-in system prompt"))
    .addHelpText("after", exampleText(examples));
  command.action(async () => {
    const options = command.optsWithGlobals<BootstrapOptions>();
    if (options.ouPath === undefined) throw usageFailure("missing --ou-path");
    const api = await asAdmin(shell, options);
    const answer = await api.send({
      method: "POST",
      path: "/bootstrap",
      body: {
        ...(options.adminEmail === undefined ? {} : { admin_email: options.adminEmail }),
        ou: options.ouPath,
        name: options.name,
        display_name: options.displayName,
        ...(options.model === undefined ? {} : { model: options.model }),
        ...(options.systemPromptFile === undefined ? {} : { system_prompt: await text(options.systemPromptFile) }),
      },
      timeoutMs: 180_000,
    });
    const finished = answer.status !== 202;
    print(shell, options.json, answer.body, (paint) => report(answer.body, finished, options, paint));
    if (!finished) throw new Exit(exitCodes.notYet);
  });
}

async function asAdmin(shell: Shell, options: BootstrapOptions) {
  const api = await connect(shell, { ...options, ...(options.adminToken ? { token: options.adminToken } : {}) });
  const { apiUrl } = api;
  const given = options.adminToken ?? options.token ?? shell.env["POWERLOOM_TOKEN"];
  if (given || options.adminEmail === undefined) return api;
  // An email and no token: the API in dev mode gives one for the asking; elsewhere the saved login has to do.
  try {
    return createApiClient({ apiUrl, token: await devToken(createApiClient({ apiUrl }), options.adminEmail) });
  } catch (error) {
    if (api.token !== undefined) return api;
    throw error;
  }
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function report(body: unknown, finished: boolean, { name }: BootstrapOptions, paint: Paint): string[] {
  const { status, steps, agent, mcp_server: server, health } = body as Record<string, unknown>;
  const agentName = named(agent) ?? name;
  return [
    `${finished ? paint("green", "✓") : paint("yellow", "…")} Meta-agent ${paint("bold", agentName)}: ${printable(String(status))}`,
    ...(Array.isArray(steps) ? steps.flatMap((step) => `  ${stepLine(step, paint)}`) : []),
    ...(named(server) === undefined ? [] : renderFields({ mcp_server: named(server), health }, paint, "  ")),
    finished
      ? `Talk to it: powerloom chat ${agentName} "What agents exist?"`
      : "It goes on without you. Look again by repeating this command.",
  ];
}

function named(thing: unknown): string | undefined {
  if (typeof thing === "string") return printable(thing);
  if (typeof thing !== "object" || thing === null || !("name" in thing)) return undefined;
  return typeof thing.name === "string" ? printable(thing.name) : undefined;
}

/** A step is a word, or an object with a name and a state. */
function stepLine(step: unknown, paint: Paint): string {
  if (typeof step !== "object" || step === null) return printable(String(step));
  const { name, step: id, status, detail, ...rest } = step as Record<string, unknown>;
  const words = [name ?? id ?? JSON.stringify(rest), status, detail].filter((word) => typeof word === "string");
  return words.map((word, at) => (at === 0 ? printable(word) : paint("dim", printable(word)))).join("  ");
}
