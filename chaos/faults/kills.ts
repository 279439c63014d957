import type { Dice } from "../../demo/run/dice.ts";
import { pause } from "../fleet/agents.ts";
import type { Part, Stage } from "../stage.ts";

export interface KillOptions {
  stage: Stage;
  dice: Dice;
  parts: readonly Part[];
  /** Waits between two kills, drawn from here to there, milliseconds. */
  everyMs: readonly [number, number];
  /** At most so many. */
  most: number;
  onKill: (part: Part) => void;
}

/** SIGKILLs parts, drawn by the dice, until the signal or until it was often enough. @returns how many */
export async function killParts(options: KillOptions, signal: AbortSignal): Promise<number> {
  const { stage, dice, parts, everyMs, most, onKill } = options;
  let kills = 0;
  while (!signal.aborted && kills < most && parts.length > 0) {
    await pause(dice.between(...everyMs), signal);
    if (signal.aborted) break;
    // One that is just starting is left to come up: others are killed meanwhile.
    const part = dice.pick(parts);
    if (!(await stage.kill(part))) continue;
    kills += 1;
    onKill(part);
  }
  return kills;
}
