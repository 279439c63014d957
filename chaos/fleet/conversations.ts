import type { Dice } from "../../demo/run/dice.ts";
import { type Member, pause } from "./agents.ts";
import type { Client } from "./client.ts";
import { emailOf, people } from "./organisation.ts";

const kinds = [
  "invoice",
  "shipping",
  "payroll",
  "release",
  "onboarding",
  "travel",
  "warranty",
  "audit",
  "support",
  "lead",
];
const works = ["review", "triage", "reporting", "planning", "research", "tracking", "summary", "drafting"];

/** The meta-agent, made through the front door; its id. */
export async function makeMetaAgent(admin: Client, root: string): Promise<string> {
  const made = await admin.ask({
    operation: "bootstrap",
    method: "POST",
    path: "/bootstrap",
    body: { ou: root },
    ou: root,
    marks: {},
  });
  const agent = made.body["agent"] as { id?: string } | undefined;
  if (agent?.id === undefined) throw new Error(`there is no meta-agent: ${JSON.stringify(made.body)}`);
  return agent.id;
}

export async function invoke(client: Client, agentId: string, ou: string, prompt: string): Promise<string | undefined> {
  const known = await client.ask({
    operation: "agent.invoke",
    method: "POST",
    path: `/agents/${agentId}/invoke`,
    body: { prompt },
    ou,
    marks: { prompt },
  });
  const id = known.body["session_id"];
  return typeof id === "string" ? id : undefined;
}

/** Has the meta-agent set up agents, one conversation after the other, and ends each. */
export function talker(client: Client, dice: Dice, metaAgentId: string, root: string, ous: readonly string[]): Member {
  return async (signal) => {
    while (!signal.aborted) {
      const ou = dice.pick(ous);
      const prompt = `Set up a ${dice.pick(kinds)} ${dice.pick(works)} agent for ${emailOf(dice.pick(people.builders))} in ${ou} with Ledger access.`;
      const id = await invoke(client, metaAgentId, root, prompt);
      if (id === undefined) continue;
      for (let looks = dice.between(20, 120); looks > 0 && !signal.aborted; looks -= 1) {
        await pause(250, signal);
        const session = await client.get<{ status: string; final_message: string | null }>(`/sessions/${id}`);
        if (session === undefined || (session.status !== "starting" && session.status !== "running")) break;
      }
      await client.ask({
        operation: "session.end",
        method: "POST",
        path: `/sessions/${id}/end`,
        body: {},
        ou: root,
        marks: { session_id: id },
      });
      await pause(dice.between(100, 800), signal);
    }
  };
}
