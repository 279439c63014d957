import { availableParallelism, loadavg } from "node:os";
import { closeConnections } from "../http.ts";
import { type Finding, figure, meets, renderTable } from "../report.ts";
import { measureChanges } from "./changes.ts";
import { grow, sizeAt } from "./load.ts";
import { measureMigration } from "./migration.ts";
import { readGrowthOptions } from "./options.ts";
import { PlanReader, readPlans } from "./plans.ts";
import { ask, inTurn, type Pair, readsOf } from "./reads.ts";
import { measureSoak } from "./soak.ts";
import { openGrowthStage } from "./stage.ts";
import { measureStreams } from "./streams.ts";
import { verifyChain } from "./verify.ts";
import { measureWaiting } from "./waiting.ts";

/** `npm run bench:growth`: what becomes of latencies when an organisation grows, beside one that does not. */

const options = readGrowthOptions(process.argv.slice(2));
const say = (line: string) => process.stderr.write(`${line}\n`);
const trouble = (line: string) => {
  // Plans are full of such words.
  if (line.includes("Query Text")) return;
  if (/"level":(?:50|60)|\berror\b|\bfatal\b|building|download/i.test(line)) say(line);
};
const started = performance.now();
const findings: Finding[] = [];
const pairs = new Map<string, Map<number, Pair>>();
const report = (found: readonly Finding[]) => {
  findings.push(...found);
  for (const one of found) say(`  ${one.name}: ${one.measured}; ${one.baseline ?? ""}`);
};
const note = (name: string, factor: number, pair: Pair) => {
  const at = pairs.get(name) ?? new Map<number, Pair>();
  pairs.set(name, at.set(factor, pair));
  say(`  ${name}: ${figure(pair.large)} ms, at 1 × ${figure(pair.small)} ms: ${figure(pair.large / pair.small)} ×`);
};

say("Starting two local stacks: one grows, the other one stays as it is …");
const plans = new PlanReader();
const [small, large] = await Promise.all([
  openGrowthStage(trouble),
  openGrowthStage((line) => {
    plans.add(line);
    trouble(line);
  }),
]);
try {
  await grow(small.admin, small.organisationId, 0, 1);
  let reached = 0;
  for (const factor of options.factors) {
    const from = performance.now();
    await grow(large.admin, large.organisationId, reached, factor);
    reached = factor;
    const { agents, audit, waiting } = sizeAt(factor);
    const took = Math.round((performance.now() - from) / 1000);
    say(`at ${factor} ×: ${agents} agents, ${audit} audit entries, ${waiting} waiting approvals, loaded in ${took} s`);
    const [ours, others] = [await readsOf(large), await readsOf(small)];
    for (const [index, read] of ours.reads.entries()) {
      const other = others.reads[index] ?? read;
      note(
        read.name,
        factor,
        await inTurn(
          options.samples,
          () => ask(ours, read),
          () => ask(others, other),
        ),
      );
    }
    for (const [name, pair] of Object.entries(await measureChanges(large, small, options.samples)))
      note(name, factor, pair);
  }
  say("reading plans …");
  report(await readPlans(large, plans, await readsOf(large)));
  say("migrating …");
  report(await measureMigration(large, 20));
  report([await verifyChain(large)]);
  // From here on there is one stack: the other one would be in its way.
  await small.close();
  if (options.waiting > 0) report(await measureWaiting(large, options.waiting, 60));
  if (options.streams > 0) report(await measureStreams(large, options.streams));
  if (options.soak > 0) report(await measureSoak(large, options.soak));
} finally {
  await large.close();
  await small.close();
  closeConnections();
}

const last = options.factors.at(-1) ?? 1;
const growth = [...pairs].map(([name, at]): Finding => {
  const at1 = at.get(last) ?? { large: Number.NaN, small: Number.NaN };
  return {
    name,
    measured: `p50 ${[...at].map(([factor, pair]) => `at ${factor} × ${figure(pair.large)}`).join(", ")} ms`,
    baseline: `at 1 × beside it ${figure(at1.small)} ms`,
    value: at1.large / at1.small,
    unit: "×",
    target: { at: "most", value: 1.3 },
    facts: Object.fromEntries(at),
  };
});
const all = [...growth, ...findings];
const [load = 0] = loadavg();
const seconds = Math.round((performance.now() - started) / 1000);
if (options.json)
  process.stdout.write(
    `${JSON.stringify({ seconds, load, cores: availableParallelism(), findings: all.map((f) => ({ ...f, met: meets(f) ?? null })) })}\n`,
  );
else {
  process.stdout.write(`\n${renderTable(all, process.stdout.isTTY)}\n\n`);
  process.stdout.write(
    `Took ${seconds} s, at the end with a load of ${load.toFixed(1)} on ${availableParallelism()} cores.\n`,
  );
}
