import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pause } from "../fleet/agents.ts";
import type { FaultOptions } from "./provider.ts";

/** A clock of some processes that can be set wrong. */
export interface WrongClock {
  /** What the processes are started with. */
  environment: NodeJS.ProcessEnv;
  /** Sets it wrong by so many milliseconds; 0 sets it right. */
  set(ms: number): void;
}

/** Names the file in which our own processes find by how many milliseconds their clock is wrong. */
const variable = "POWERLOOM_CHAOS_CLOCK";

/** The clock of our own processes: API, worker, MCP server and stand-in. */
export function ourClock(directory: string): WrongClock {
  const file = join(directory, "clock");
  const program = fileURLToPath(new URL("../programs/wrong-clock.mjs", import.meta.url));
  const set = (ms: number) => writeFileSync(file, String(ms));
  set(0);
  return { environment: { [variable]: file, NODE_OPTIONS: `--import=${program}` }, set };
}

const libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu", ""].map((folder) =>
  join("/usr/lib", folder, "faketime/libfaketime.so.1"),
);

/** PostgreSQL's clock, set wrong by libfaketime. @returns why not, where it is not installed */
export function postgresClock(directory: string): WrongClock | string {
  const library = libraries.find((path) => existsSync(path));
  if (library === undefined) return "PostgreSQL's clock stays right: libfaketime is not installed";
  // PostgreSQL runs as somebody else, who must be able to read it.
  const folder = `${directory}-clock`;
  mkdirSync(folder, { mode: 0o755 });
  const file = join(folder, "postgres");
  const set = (ms: number) => writeFileSync(file, `${ms < 0 ? "-" : "+"}${Math.abs(ms) / 1_000}`, { mode: 0o644 });
  set(0);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // The file is looked at once a second. What waits for a time to pass waits as long as ever.
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_RESET: "1",
    },
    set,
  };
}

/**
 * Sets a clock ten minutes forward or back for a while, over and over.
 * @param onSet told by how many milliseconds it is wrong from now on
 */
export async function jumpClock(
  name: string,
  clock: WrongClock,
  { dice, onFault }: FaultOptions,
  onSet: (ms: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const set = (ms: number) => {
    // Before and after: what happens in between is of either time.
    onSet(ms);
    clock.set(ms);
    onSet(ms);
  };
  try {
    while (!signal.aborted) {
      await pause(dice.between(8_000, 20_000), signal);
      if (signal.aborted) break;
      const minutes = dice.pick([-10, 10]);
      set(minutes * 60_000);
      onFault(`${name} ${minutes > 0 ? "+" : "−"}10 min`);
      await pause(dice.between(2_000, 8_000), signal);
      set(0);
    }
  } finally {
    set(0);
  }
}
