import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { openDevOrganisation } from "../../demo/organisation.ts";
import { launchBrowser } from "../../scripts/browser.ts";
import { startLocalStack } from "../../stack/local-stack.ts";
import { withOwnParts } from "../../stack/own-parts.ts";
import { type Finding, meets, renderTable } from "../report.ts";
import { measureEvents } from "./events.ts";
import { measureFirstLoad } from "./first-load.ts";
import { measureInbox } from "./inbox.ts";
import { measureRunEvents } from "./run-events.ts";

/** `npm run bench:console`: what the web console costs the reader, on a stack and in a browser of its own. */

const directory = await mkdtemp(join(tmpdir(), "powerloom-console-bench-"));
const say = (line: string) => process.stderr.write(`${line}\n`);
say("Starting a local stack of its own …");
const stack = await startLocalStack({
  stateDirectory: directory,
  environment: withOwnParts(process.env),
  mode: "dev",
  anyPorts: true,
  withConsole: true,
  log: () => undefined,
  extraEnvironment: { POWERLOOM_RATE_LIMIT: "1000000" },
});
const organisation = await openDevOrganisation(stack, directory, () => undefined);
const browser = await launchBrowser();
const findings: Finding[] = [];
try {
  const adminUrl = stack.adminUrl ?? "";
  const { apiUrl, simulatorUrl } = stack;
  const { admin } = organisation;
  const stage = { browser, apiUrl, simulatorUrl, adminUrl, email: admin.email, admin };
  for (const [name, measure] of [
    ["first load", measureFirstLoad],
    ["inbox", measureInbox],
    ["events", measureEvents],
    ["run events", measureRunEvents],
  ] as const) {
    say(`measuring ${name} …`);
    findings.push(...(await measure(stage)));
  }
} finally {
  await browser.close();
  await organisation.close();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}
process.stdout.write(`\n${renderTable(findings, process.stdout.isTTY)}\n\n`);
process.stdout.write(`Load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores at the end.\n`);
if (findings.some((finding) => meets(finding) === false)) process.exitCode = 1;
