import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pause } from "../fleet/agents.ts";
import type { FaultOptions } from "./provider.ts";

/** Names the file in which the processes find by how many milliseconds their clock is wrong. */
const variable = "POWERLOOM_CHAOS_CLOCK";

/** Settings that give our own processes a clock which can be set wrong. PostgreSQL and Temporal keep the right time. */
export function wrongClock(file: string): NodeJS.ProcessEnv {
  writeFileSync(file, "0");
  const program = fileURLToPath(new URL("../programs/wrong-clock.mjs", import.meta.url));
  return { [variable]: file, NODE_OPTIONS: `--import=${program}` };
}

/** Sets the clock of our processes ten minutes forward or back for a while, all at once. */
export async function jumpClock(file: string, { dice, onFault }: FaultOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(dice.between(8_000, 20_000), signal);
    if (signal.aborted) break;
    const minutes = dice.pick([-10, 10]);
    writeFileSync(file, String(minutes * 60_000));
    onFault(`clock ${minutes > 0 ? "+" : "−"}10 min`);
    await pause(dice.between(2_000, 8_000), signal);
    writeFileSync(file, "0");
  }
  writeFileSync(file, "0");
}
