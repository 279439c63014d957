import { readdir, readFile } from "node:fs/promises";
import type { GrowthStage } from "./stage.ts";

/** What a part of the stack has used and holds, all of its processes together. Linux only: it is read from /proc. */
export interface PartUse {
  /** Processor time since it started, seconds. */
  cpuSeconds: number;
  /** Memory, MiB; of what processes share, each has its part. */
  mib: number;
}

const parts = ["postgres", "temporal", "api", "worker", "mcp", "simulator"] as const;
/** Clock ticks a second in /proc; the same on every Linux that Node.js runs on. */
const ticks = 100;

export async function usage({ stack }: GrowthStage): Promise<Record<string, PartUse>> {
  const parents = await parentsOfAll();
  const found: Record<string, PartUse> = {};
  for (const part of parts) {
    const state = stack.supervisor.state(part);
    if (state?.status !== "running" || state.pid === undefined) continue;
    const uses = await Promise.all(withChildren(state.pid, parents).map(useOf));
    found[part] = {
      cpuSeconds: uses.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      mib: uses.reduce((sum, { mib }) => sum + mib, 0),
    };
  }
  return found;
}

async function parentsOfAll(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = await statOf(Number(entry));
    if (fields !== undefined) parents.set(Number(entry), Number(fields[1]));
  }
  return parents;
}

function withChildren(pid: number, parents: ReadonlyMap<number, number>): number[] {
  const below = [...parents].filter(([, parent]) => parent === pid).map(([child]) => child);
  return [pid, ...below.flatMap((child) => withChildren(child, parents))];
}

/** A process may end while it is looked at: then it uses nothing any more. */
async function useOf(pid: number): Promise<PartUse> {
  const fields = await statOf(pid);
  const memory = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  // utime and stime, and those of children that have ended.
  const cpu = fields === undefined ? 0 : [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
  return { cpuSeconds: cpu / ticks, mib: Number(/^Pss:\s+(\d+) kB/m.exec(memory)?.[1] ?? 0) / 1024 };
}

/** Fields of /proc/…/stat from the state on: the name before them may have spaces. */
async function statOf(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}
