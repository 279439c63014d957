import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { metaAgentName } from "../../core/meta-agent.ts";
import { print } from "../answer.ts";
import { type ApiClient, createApiClient } from "../api-client.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes, usageFailure } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { asText, oneLine, printable } from "../printable.ts";
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
    .addOption(new Option("--admin-email <email>", "whose the token must be; in dev mode this alone logs in"))
    .addOption(new Option("--admin-token <jwt>", "the admin's token (default: the saved login)"))
    .addOption(new Option("--name <slug>", "the agent's name").default(metaAgentName))
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

/** Whoever bootstraps owns the meta-agent: when an email is named, it must be theirs. */
async function asAdmin(shell: Shell, options: BootstrapOptions): Promise<ApiClient> {
  const given = options.adminToken ?? options.token ?? shell.env["POWERLOOM_TOKEN"];
  const api = await connect(shell, { ...options, ...(given ? { token: given } : {}) });
  if (options.adminEmail === undefined) return api;
  const admin = given ? api : await loggedIn(api, options.adminEmail);
  const me = await admin.get<{ email: string }>("/me");
  if (me.email.toLowerCase() !== options.adminEmail.toLowerCase())
    throw usageFailure(`the token is ${oneLine(me.email)}'s, not ${options.adminEmail}'s`);
  return admin;
}

/** The API in dev mode gives a token for an email alone; elsewhere the saved login has to do. */
async function loggedIn(api: ApiClient, email: string): Promise<ApiClient> {
  try {
    const { apiUrl } = api;
    return createApiClient({ apiUrl, token: await devToken(createApiClient({ apiUrl }), email) });
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
    ...(Array.isArray(steps) ? steps.map((step) => `  ${paint("green", "✓")} ${oneLine(asText(step))}`) : []),
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
