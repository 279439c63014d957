import { randomBytes, randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ourClock, postgresClock } from "./faults/clock.ts";
import { mountSmallDisk } from "./faults/disk.ts";
import { readOptions } from "./options.ts";
import { readOutcomes, renderSummary } from "./report.ts";
import { attack } from "./run.ts";
import { openStage, type Stage, stageFolder } from "./stage.ts";

const say = (line: string) => process.stderr.write(`${line}\n`);

const options = readOptions(process.argv.slice(2), () => randomInt(2 ** 31));
if (options.sum.length > 0) {
  process.stdout.write(`${renderSummary(readOutcomes(options.sum))}\n`);
  process.exit();
}

const directory = await stageFolder();
const planted = {
  "the MCP server's secret": `canary-${randomBytes(18).toString("base64url")}`,
  "the provider's key": `canary-${randomBytes(18).toString("base64url")}`,
};
const mounted = options.faults.includes("disk") ? mountSmallDisk(join(directory, "state")) : undefined;
if (typeof mounted === "string") say(`left out: ${mounted}`);
const disk = typeof mounted === "string" ? undefined : mounted;
const own = options.faults.includes("clock") ? ourClock(directory) : undefined;
const ofPostgres = options.faults.includes("clock-postgres") ? postgresClock(directory) : undefined;
if (typeof ofPostgres === "string") say(`left out: ${ofPostgres}`);
const clocks = {
  ...(own === undefined ? {} : { clock: own }),
  ...(typeof ofPostgres === "object" ? { "PostgreSQL's clock": ofPostgres } : {}),
};

let stage: Stage | undefined;
let keep = true;
// Interrupted, it cleans up as it does at its end: parts, and the disk that is mounted.
const interrupted = async () => {
  await stage?.close();
  disk?.unmount();
  process.exit(130);
};
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void interrupted());
try {
  say("Starting a local stack of its own …");
  const environment = {
    POWERLOOM_MCP_CLIENT_SECRET: planted["the MCP server's secret"],
    ANTHROPIC_API_KEY: planted["the provider's key"],
    ...own?.environment,
  };
  stage = await openStage(directory, say, environment, clocks["PostgreSQL's clock"]?.environment);
  const outcome = await attack(stage, { ...options, approvalSeconds: 25, clocks, disk, planted }, say);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(outcome, null, 2)}\n`);
  process.stdout.write(`${renderSummary([outcome])}\n`);
  keep = options.keep || outcome.violations.length > 0;
  if (outcome.violations.length > 0) process.exitCode = 1;
} finally {
  const left = (await stage?.close()) ?? [];
  if (left.length > 0) {
    say(`still running: ${left.join(", ")}`);
    process.exitCode = 1;
  }
  if (keep) say(`logs and data are in ${directory}${disk === undefined ? "" : ", on a disk in memory: umount it"}`);
  else {
    disk?.unmount();
    for (const folder of [directory, `${directory}-clock`]) await rm(folder, { recursive: true, force: true });
  }
}
