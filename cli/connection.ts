import { type Command, Option } from "commander";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { usageFailure } from "./failure.ts";
import { readLogin } from "./login-file.ts";
import type { Shell } from "./shell.ts";

const defaultApiUrl = "http://127.0.0.1:4000";

/** Options that every command takes. */
export interface GlobalOptions {
  api?: string;
  token?: string;
  json?: boolean;
}

/** Adds what every command takes. On each command, and not only the program, so that they may stand anywhere. */
export function addGlobalOptions(command: Command): Command {
  return command
    .addOption(new Option("--api <url>", `the API (POWERLOOM_API_URL, the saved login, ${defaultApiUrl})`))
    .addOption(new Option("--token <jwt>", "who you are (POWERLOOM_TOKEN, the saved login)"))
    .addOption(new Option("--json", "print exactly the JSON result"));
}

/** Which API, as whom: options first, then the environment, then the saved login. */
export async function connect(shell: Shell, options: GlobalOptions): Promise<ApiClient> {
  const saved = await readLogin(shell.env);
  const apiUrl = options.api ?? (shell.env["POWERLOOM_API_URL"] || (saved?.api_url ?? defaultApiUrl));
  if (!URL.canParse(apiUrl) || !/^https?:$/.test(new URL(apiUrl).protocol))
    throw usageFailure(`'${apiUrl}' is not an http or https URL`);
  // A saved token goes only where it was saved for: another API must not get to see it.
  const own = saved !== undefined && sameApi(saved.api_url, apiUrl) ? saved.token : undefined;
  return createApiClient({ apiUrl, token: options.token ?? (shell.env["POWERLOOM_TOKEN"] || own) });
}

function sameApi(one: string, other: string): boolean {
  const [left, right] = [one, other].map((url) => new URL(url).href.replace(/\/+$/, ""));
  return left === right;
}
