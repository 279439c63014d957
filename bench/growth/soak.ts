import { setTimeout as sleep } from "node:timers/promises";
import { type Finding, figure } from "../report.ts";
import { median, timed } from "../samples.ts";
import { createAgent } from "./changes.ts";
import { usage } from "./processes.ts";
import { ask, readsOf } from "./reads.ts";
import type { GrowthStage } from "./stage.ts";

const everyMs = 10_000;

/** Half of what one caller after the other can do, for so many minutes: memory of every part, which must not rise. */
export async function measureSoak(stage: GrowthStage, minutes: number): Promise<Finding[]> {
  const readers = await readsOf(stage);
  const memory = new Map<string, number[]>();
  const until = Date.now() + minutes * 60_000;
  let done = 0;
  const lane = async (once: (index: number) => Promise<unknown>) => {
    for (let index = 0; Date.now() < until; index += 1, done += 1) {
      // As long at rest as at work: half load, however fast the machine is at the moment.
      await sleep(await timed(() => once(index)));
    }
  };
  const look = async () => {
    for (; Date.now() < until; await sleep(everyMs))
      for (const [part, { mib }] of Object.entries(await usage(stage)))
        memory.set(part, [...(memory.get(part) ?? []), mib]);
  };
  const reading = (index: number) => {
    const read = readers.reads[index % readers.reads.length];
    return read === undefined ? Promise.resolve() : ask(readers, read);
  };
  await Promise.all([lane(() => createAgent(stage)), lane(reading), look()]);
  return [...memory].map(([part, mib]): Finding => {
    const third = Math.floor(mib.length / 3);
    const [middle, end] = [median(mib.slice(third, 2 * third)), median(mib.slice(2 * third))];
    const second = mib.slice(Math.floor(mib.length / 2));
    return {
      name: `soak of ${minutes} min: memory of ${part}`,
      measured: `middle third ${figure(middle)}, last third ${figure(end)} MiB; second half ${figure(slope(second) * (60_000 / everyMs))} MiB a minute`,
      baseline: `${done} requests`,
      value: (end / middle - 1) * 100,
      unit: "%",
      target: { at: "most", value: 5 },
      facts: { mib },
    };
  });
}

/** Of the straight line through values at equal distances: how much it rises from one to the next. */
function slope(values: readonly number[]): number {
  const mean = (values.length - 1) / 2;
  const spread = values.reduce((sum, _, index) => sum + (index - mean) ** 2, 0);
  return spread === 0 ? 0 : values.reduce((sum, value, index) => sum + (index - mean) * value, 0) / spread;
}
