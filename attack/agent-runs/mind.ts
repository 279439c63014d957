import type { Arena } from "../arena.ts";

/** One turn of a scripted mind: docs/stand-in.md. */
export interface Turn {
  tool_uses?: { name: string; input: unknown }[];
  output?: unknown;
  delay_ms?: number;
}
export type Script =
  | { turns: Turn[]; afterwards?: "last" }
  | { rules: { when: Record<string, unknown>; reply: Turn; times?: number }[] };

/** Every role that an agent of the attack has. */
export const allRoles = [
  "obedient",
  "obedient-reader",
  "obedient-writer",
  "orchestrator",
  "planner",
  "executor",
  "reviewer",
] as const;

/** Arms a mind of its own at the stand-in. @returns its model id */
export async function armMind(arena: Arena, name: string, roles: Record<string, Script>): Promise<string> {
  const model = `mind-${name}`;
  const answer = await fetch(`${arena.simulatorUrl}/_control/minds`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: model, roles }),
  });
  if (!answer.ok) throw new Error(`the stand-in did not take the mind: ${await answer.text()}`);
  return model;
}
