import Anthropic from "@anthropic-ai/sdk";
import type { Dice } from "../../demo/run/dice.ts";
import { pause } from "../fleet/agents.ts";

const kinds = ["429", "500", "529", "drop_before", "drop_after", "delay", "cut_stream", "mid_stream_error"] as const;

export interface FaultOptions {
  dice: Dice;
  /** Told of each fault, by its name. */
  onFault: (name: string) => void;
}

/** Lets the provider fail, a few requests at a time: errors, waits, answers that never arrive, broken streams. */
export async function failProvider(url: string, { dice, onFault }: FaultOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(dice.between(1_000, 4_000), signal);
    const kind = dice.pick(kinds);
    const fault = {
      // Not what tests and this program tell it.
      match: { path: "^/v1/" },
      kind,
      times: dice.between(1, 4),
      ...(kind === "429" ? { retry_after: 1 } : {}),
      ...(kind === "delay" ? { delay_ms: dice.between(500, 4_000) } : {}),
    };
    const armed = await fetch(`${url}/_control/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fault),
      signal: AbortSignal.timeout(2_000),
    }).catch(() => undefined);
    if (armed?.ok === true) onFault(`provider ${kind}`);
  }
  await fetch(`${url}/_control/faults`, { method: "DELETE", signal: AbortSignal.timeout(2_000) }).catch(
    () => undefined,
  );
}

/** Edits agents at the provider behind the control plane's back. */
export async function editAtProvider(url: string, { dice, onFault }: FaultOptions, signal: AbortSignal): Promise<void> {
  const claude = new Anthropic({ apiKey: "somebody-else", baseURL: url, maxRetries: 0, timeout: 3_000 });
  while (!signal.aborted) {
    await pause(dice.between(1_500, 5_000), signal);
    try {
      const page = await claude.beta.agents.list({ limit: 50 });
      const agent = dice.pick(page.data);
      await claude.beta.agents.update(agent.id, { version: agent.version, description: "edited by somebody else" });
      onFault("drift");
    } catch {
      // Away, or changed by somebody else in between: the next edit will do.
    }
  }
}
