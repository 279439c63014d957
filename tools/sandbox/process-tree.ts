import { readdirSync, readFileSync } from "node:fs";

/** What a process and all its descendants use at this moment. */
export interface TreeUsage {
  processes: number;
  memoryBytes: number;
  cpuSeconds: number;
  /** Given to block devices to write, by the living and by those they have waited for. */
  diskBytes: number;
}

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;
/** Sandboxes that run at the same time share one look at all processes. */
const goodForMs = 20;
let latest = { at: Number.NEGATIVE_INFINITY, children: new Map<number, number[]>() };

/** Sums over /proc; what disappears meanwhile counts nothing. @param now milliseconds of a monotonic clock */
export function treeUsage(root: number, now: number): TreeUsage {
  if (now - latest.at > goodForMs) latest = { at: now, children: readChildren() };
  const usage: TreeUsage = { processes: 0, memoryBytes: 0, cpuSeconds: 0, diskBytes: 0 };
  const pending = [root];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    pending.push(...(latest.children.get(pid) ?? []));
    addProcess(usage, pid);
  }
  return usage;
}

function readChildren(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = statFields(read(`/proc/${pid}/stat`))[1];
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent));
    if (siblings === undefined) children.set(Number(parent), [pid]);
    else siblings.push(pid);
  }
  return children;
}

function addProcess(usage: TreeUsage, pid: number): void {
  const fields = statFields(read(`/proc/${pid}/stat`));
  if (fields.length === 0) return;
  usage.processes += 1;
  // utime, stime, and of the children waited for: cutime, cstime.
  usage.cpuSeconds += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticksPerSecond;
  const status = read(`/proc/${pid}/status`);
  const kilobytes = ["RssAnon", "RssShmem", "VmSwap"].reduce((sum, name) => sum + member(status, name), 0);
  usage.memoryBytes += kilobytes * 1024;
  const io = read(`/proc/${pid}/io`);
  usage.diskBytes += Math.max(member(io, "write_bytes") - member(io, "cancelled_write_bytes"), 0);
}

/** The fields after the name, which is in brackets and may hold anything; the first is the state. */
const statFields = (stat: string): string[] => (stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" "));

const member = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
