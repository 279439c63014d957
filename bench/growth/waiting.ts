import { setTimeout as sleep } from "node:timers/promises";
import { v7 } from "uuid";
import { type Finding, figure } from "../report.ts";
import { throughput } from "../samples.ts";
import { type PartUse, usage } from "./processes.ts";
import type { GrowthStage } from "./stage.ts";

/** What real approvals cost that only wait, each in a workflow of its own: before there were any, and with them. */
export async function measureWaiting(stage: GrowthStage, count: number, seconds: number): Promise<Finding[]> {
  const before = await idle(stage, seconds);
  const perSecond = await throughput(count, 20, async () => {
    const { status, body } = await stage.asker("POST", "/agents", { name: `wait-${v7()}`, ou: "/acme/production" });
    if (status !== 202) throw new Error(`POST /agents answered ${status}: ${JSON.stringify(body)}`);
  });
  // What they have begun settles first.
  await sleep(10_000);
  const after = await idle(stage, seconds);
  const cores = sum(after, "cores") - sum(before, "cores");
  const mib = sum(after, "mib") - sum(before, "mib");
  const each = Object.keys(after).map(
    (part) => `${part} ${figure(after[part]?.cores ?? 0)} (${figure(after[part]?.mib ?? 0)} MiB)`,
  );
  return [
    {
      name: `${count} waiting approvals: processor`,
      measured: `${figure(sum(after, "cores"))} cores over ${seconds} s: ${each.join(", ")}`,
      baseline: `without them ${figure(sum(before, "cores"))} cores`,
      value: cores,
      unit: "cores",
      target: { at: "most", value: 0.1 },
      facts: { before, after, createdPerSecond: perSecond },
    },
    {
      name: `${count} waiting approvals: memory`,
      measured: `${figure(sum(after, "mib"))} MiB`,
      baseline: `without them ${figure(sum(before, "mib"))} MiB; made at ${figure(perSecond)} a second`,
      value: mib,
      unit: "MB",
    },
  ];
}

interface Idle {
  cores: number;
  mib: number;
}

async function idle(stage: GrowthStage, seconds: number): Promise<Record<string, Idle>> {
  const first = await usage(stage);
  const started = performance.now();
  await sleep(seconds * 1_000);
  const last = await usage(stage);
  const took = (performance.now() - started) / 1_000;
  const cores = (part: string, use: PartUse) => (use.cpuSeconds - (first[part]?.cpuSeconds ?? 0)) / took;
  return Object.fromEntries(
    Object.entries(last).map(([part, use]) => [part, { cores: cores(part, use), mib: use.mib }]),
  );
}

function sum(all: Readonly<Record<string, Idle>>, what: keyof Idle): number {
  return Object.values(all).reduce((total, one) => total + one[what], 0);
}
