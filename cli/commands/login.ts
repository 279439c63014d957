import { type Command, Option } from "commander";
import { print } from "../answer.ts";
import { type ApiClient, createApiClient } from "../api-client.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { usageFailure } from "../failure.ts";
import { saveLogin } from "../login-file.ts";
import { oneLine } from "../printable.ts";
import type { Shell } from "../shell.ts";

interface LoginOptions extends GlobalOptions {
  dev?: boolean;
  email?: string;
  tokenStdin?: boolean;
}

const examples = [
  "login --dev --email admin@dev.local",
  "login --api https://powerloom.example.com --token-stdin < token.txt",
];

/** `login`: keeps a token, and the API it is for, for the commands that follow. */
export function addLogin(program: Command, shell: Shell): void {
  const command = addGlobalOptions(program.command("login"))
    .description("Keep who you are for the commands that follow")
    .addOption(new Option("--dev", "log in without an issuer, where the API runs in dev mode"))
    .addOption(new Option("--email <email>", "with --dev: as whom"))
    .addOption(new Option("--token-stdin", "read the token from stdin, so that no process list shows it"))
    .addHelpText("after", exampleText(examples));
  command.action(async () => {
    const options = command.optsWithGlobals<LoginOptions>();
    const { apiUrl } = await connect(shell, options);
    const token = await tokenFrom(shell, apiUrl, options);
    const me = await createApiClient({ apiUrl, token }).get<{ email: string; organisation: string }>("/me");
    const path = await saveLogin(shell.env, { api_url: apiUrl, token, email: me.email });
    print(shell, options.json, { api_url: apiUrl, email: me.email, saved: path }, (paint) => [
      `${paint("green", "✓")} Logged in to ${apiUrl} as ${oneLine(me.email)} (${oneLine(me.organisation)})`,
    ]);
  });
}

async function tokenFrom(shell: Shell, apiUrl: string, options: LoginOptions): Promise<string> {
  const ways = [options.dev === true, options.token !== undefined, options.tokenStdin === true].filter(Boolean).length;
  if (ways !== 1) throw usageFailure("log in with one of --dev --email <email>, --token <jwt>, --token-stdin");
  if (options.token !== undefined) return options.token;
  if (options.dev !== true) return firstLine(shell);
  if (options.email === undefined) throw usageFailure("--dev needs --email <email>");
  return devToken(createApiClient({ apiUrl }), options.email);
}

/** A token for somebody by email alone: only an API in dev mode gives one. */
export async function devToken(api: ApiClient, email: string): Promise<string> {
  const answer = await api.post<{ access_token: string }>("/dev/login", { email });
  return answer.access_token;
}

async function firstLine(shell: Shell): Promise<string> {
  let text = "";
  for await (const chunk of shell.stdin) text += String(chunk);
  const token = text.trim();
  if (token === "") throw usageFailure("there is no token on stdin");
  return token;
}
