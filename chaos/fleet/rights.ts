import type { Dice } from "../../demo/run/dice.ts";
import { createAgent, type Member, pause, wordsOf } from "./agents.ts";
import type { Client } from "./client.ts";
import { grant, revoke } from "./organisation.ts";

/** Gives people a role and takes it away again, over and over. */
export function rightsFlicker(admin: Client, dice: Dice, names: readonly string[], ou: string): Member {
  return async (signal) => {
    const held = new Map<string, string>();
    while (!signal.aborted) {
      const name = dice.pick(names);
      const binding = held.get(name);
      if (binding === undefined) {
        const made = await grant(admin, name, "AgentBuilder", ou);
        if (made.outcome === "applied" && typeof made.body["id"] === "string") held.set(name, made.body["id"]);
      } else {
        const gone = await revoke(admin, binding, ou);
        if (gone.outcome === "applied" || gone.status === 404) held.delete(name);
      }
      await pause(dice.between(400, 2_000), signal);
    }
  };
}

/** Builds whether it may or not. */
export function flickering(client: Client, dice: Dice, ou: string): Member {
  const words = wordsOf(client.email);
  return async (signal) => {
    while (!signal.aborted) {
      await createAgent(client, ou, words());
      await pause(dice.between(100, 600), signal);
    }
  };
}
