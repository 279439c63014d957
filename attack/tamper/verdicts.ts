import { Readable } from "node:stream";
import type { Verdict } from "../../cli/audit-verify.ts";
import { run } from "../../cli/run.ts";
import type { Person } from "../../demo/api.ts";

/** What everybody who can verify says of a chain now. */
export interface Verdicts {
  api: Verdict;
  /** The command asking the API. */
  cli: Verdict;
  /** The command over an export, without any server. */
  offline: Verdict;
  /** All that the offline command printed for a person. */
  words: string;
}

/** Asks the API, the command, and the command over an export. */
export async function verdictsOn(apiUrl: string, auditor: Person, checkpoint?: string): Promise<Verdicts> {
  const api = await auditor.get<Verdict>(`/audit/verify${checkpoint === undefined ? "" : `?checkpoint=${checkpoint}`}`);
  const exported = await fetch(`${apiUrl}/audit/export`, { headers: { authorization: `Bearer ${auditor.token}` } });
  const text = await exported.text();
  const verify = (args: string[], stdin = "") =>
    powerloom(["audit", "verify", ...args, ...(checkpoint === undefined ? [] : ["--checkpoint", checkpoint])], {
      env: { POWERLOOM_API_URL: apiUrl, POWERLOOM_TOKEN: auditor.token },
      stdin,
    });
  return {
    api,
    cli: JSON.parse(await verify(["--json"])) as Verdict,
    offline: JSON.parse(await verify(["-", "--json"], text)) as Verdict,
    words: await verify(["-"], text),
  };
}

async function powerloom(args: string[], given: { env: Record<string, string>; stdin: string }): Promise<string> {
  let out = "";
  let wrong = "";
  await run(args, {
    env: given.env,
    stdin: Readable.from([given.stdin]),
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (wrong += text) },
    onInterrupt: () => () => undefined,
  });
  if (out === "") throw new Error(`powerloom ${args.join(" ")} said: ${wrong}`);
  return out;
}
