import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { readOptions } from "./options.ts";
import { renderSummary } from "./report.ts";
import { attack } from "./run.ts";
import { openStage } from "./stage.ts";

const say = (line: string) => process.stderr.write(`${line}\n`);

const options = readOptions(process.argv.slice(2), () => randomInt(2 ** 31));
say("Starting a local stack of its own …");
const stage = await openStage(say);
let kept = options.keep;
try {
  const outcome = await attack(stage, { ...options, everyMs: [1_500, 5_000] }, say);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(outcome, null, 2)}\n`);
  process.stdout.write(`${renderSummary([outcome])}\n`);
  if (outcome.violations.length > 0) {
    process.exitCode = 1;
    kept = true;
  }
} catch (error) {
  kept = true;
  throw error;
} finally {
  const left = await stage.close(kept);
  if (kept) say(`logs and data are in ${stage.directory}`);
  if (left.length > 0) {
    say(`still running: ${left.join(", ")}`);
    process.exitCode = 1;
  }
}
