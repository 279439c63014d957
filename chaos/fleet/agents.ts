import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../../demo/run/dice.ts";
import type { Client } from "./client.ts";

/** What a member of the fleet does, over and over until the signal. */
export type Member = (signal: AbortSignal) => Promise<void>;

export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);

/** Words that stand in nothing but one change. */
export function wordsOf(email: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${email.split("@")[0]}-${count}`;
  };
}

/** An agent's life, one change after the other: made, changed a few times, and mostly deleted again. */
async function liveOut(client: Client, dice: Dice, ou: string, name: string, signal: AbortSignal): Promise<void> {
  const made = await createAgent(client, ou, name);
  const id = made.body["id"];
  if (made.outcome !== "applied" || typeof id !== "string") return;
  for (let change = dice.between(0, 3); change > 0 && !signal.aborted; change -= 1)
    await client.ask({
      operation: "agent.update",
      method: "PATCH",
      path: `/agents/${id}`,
      body: { description: `${name} change ${change}` },
      ou,
      marks: { agent_id: id, description: `${name} change ${change}` },
    });
  if (dice.between(1, 3) > 1) await deleteAgent(client, ou, id);
}

export function createAgent(client: Client, ou: string, name: string) {
  return client.ask({
    operation: "agent.create",
    method: "POST",
    path: "/agents",
    body: { name, ou },
    ou,
    marks: { name },
  });
}

export function deleteAgent(client: Client, ou: string, id: string) {
  return client.ask({
    operation: "agent.delete",
    method: "DELETE",
    path: `/agents/${id}`,
    ou,
    marks: { agent_id: id },
  });
}

/** Builds where nothing has to be approved. */
export function builder(client: Client, dice: Dice, ous: readonly string[]): Member {
  const words = wordsOf(client.email);
  return async (signal) => {
    while (!signal.aborted) {
      await liveOut(client, dice, dice.pick(ous), words(), signal);
      await pause(dice.between(50, 400), signal);
    }
  };
}

/** Asks for what it has no right to. Nothing of it may have an effect. */
export function stranger(client: Client, dice: Dice, ous: readonly string[]): Member {
  const words = wordsOf(client.email);
  return async (signal) => {
    while (!signal.aborted) {
      await createAgent(client, dice.pick(ous), words());
      await pause(dice.between(600, 2_000), signal);
    }
  };
}
