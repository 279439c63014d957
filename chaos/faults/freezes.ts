import { pause } from "../fleet/agents.ts";
import type { Part, Stage } from "../stage.ts";
import type { FaultOptions } from "./provider.ts";

/** Stops parts for a moment (SIGSTOP): connections stay open and nothing answers, so that signals and answers are lost. */
export async function freezeParts(
  stage: Stage,
  parts: readonly Part[],
  { dice, onFault }: FaultOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(dice.between(5_000, 12_000), signal);
    if (signal.aborted) return;
    const part = dice.pick(parts);
    const thaw = stage.freeze(part);
    if (thaw === undefined) continue;
    onFault(`freeze ${part}`);
    await pause(dice.between(500, 5_000), signal);
    thaw();
  }
}
