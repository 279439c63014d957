import { attackByAgent } from "./agent/agent.ts";
import { attackByAgentsOfRuns } from "./agent-runs/runs.ts";
import { type Arena, openArena } from "./arena.ts";
import { attackInput } from "./input/input.ts";
import { readOptions } from "./options.ts";
import { attackRaces } from "./races/races.ts";
import { type Effort, type Report, renderTable } from "./report.ts";
import { attackAudit } from "./tamper/tamper.ts";

interface Part {
  attack: (arena: Arena, effort: Effort) => Promise<Report>;
  /** Of the long form. */
  rounds: number;
}

const parts: Record<string, Part> = {
  races: { attack: attackRaces, rounds: 1_000 },
  tamper: { attack: attackAudit, rounds: 1_000 },
  input: { attack: attackInput, rounds: 40 },
  agent: { attack: attackByAgent, rounds: 40 },
  runs: { attack: attackByAgentsOfRuns, rounds: 40 },
};

const { only, seed, rounds } = readOptions(process.argv.slice(2), Object.keys(parts));
const verbose = Boolean(process.env["POWERLOOM_ATTACK_LOG"]);
const say = (line: string) => process.stderr.write(`${line}\n`);

say(`Starting a local stack of its own … (seed ${seed}: repeat with --seed ${seed})`);
const arena = await openArena((line) => {
  if (verbose || /"level":(?:50|60)|building|download/i.test(line)) say(line);
});
const rows: string[][] = [["part", "tried", "what", "outcome"]];
const violations: string[] = [];
try {
  for (const [name, part] of Object.entries(parts)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const started = performance.now();
    say(`attacking: ${name} …`);
    // One that breaks off must not keep the others from attacking.
    const report = await part.attack(arena, { seed, rounds: rounds ?? part.rounds }).catch(
      (error: unknown): Report => ({
        tallies: [],
        violations: [`it broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
      }),
    );
    for (const { what, tried, outcome } of report.tallies) rows.push([name, `${tried}`, what, outcome]);
    violations.push(...report.violations.map((violation) => `${name}: ${violation}`));
    say(`  ${Math.round((performance.now() - started) / 1000)} s, ${report.violations.length} violations`);
  }
} finally {
  await arena.close();
}

process.stdout.write(`\n${renderTable(rows)}\n\n`);
if (violations.length > 0) process.stdout.write(`${violations.map((violation) => `✗ ${violation}`).join("\n")}\n\n`);
process.stdout.write(
  violations.length === 0 ? "Nothing was violated.\n" : `${violations.length} violations, with seed ${seed}.\n`,
);
process.exitCode = violations.length === 0 ? 0 : 1;
