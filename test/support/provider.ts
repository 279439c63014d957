import type Anthropic from "@anthropic-ai/sdk";
import { createClaude } from "../../claude/client.ts";
import { sharedStack } from "./organisation.ts";

/** The provider as anybody with a key sees it: through the official SDK. */
export function provider(): Anthropic {
  return createClaude({ baseUrl: sharedStack().simulatorUrl, apiKey: "test" });
}

export interface Fault {
  match: { method: "GET" | "POST" | "DELETE"; path: string };
  kind: "400" | "429" | "500" | "529" | "drop_before" | "drop_after" | "delay" | "cut_stream" | "mid_stream_error";
  times?: number;
  retry_after?: number;
  delay_ms?: number;
}

/** Lets the provider fail; all faults together, or none. */
export async function injectFaults(...faults: Fault[]): Promise<void> {
  const url = `${sharedStack().simulatorUrl}/_control/faults`;
  await fetch(url, { method: "DELETE" });
  if (faults.length === 0) return;
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(faults),
  });
  if (!answer.ok) throw new Error(`the faults were refused: ${await answer.text()}`);
}

/** What the provider was asked since `clearRequests`, oldest first. */
export async function requestsSeen(method: string, path: RegExp): Promise<{ status: number }[]> {
  const answer = await fetch(`${sharedStack().simulatorUrl}/_control/requests`);
  const { data } = (await answer.json()) as { data: { method: string; path: string; status: number }[] };
  return data.filter((request) => request.method === method && path.test(request.path));
}

export async function clearRequests(): Promise<void> {
  await fetch(`${sharedStack().simulatorUrl}/_control/requests`, { method: "DELETE" });
}

type ScriptStep =
  | { say: string; held?: boolean }
  | { call: { server: string; tool: string; input?: Record<string, unknown> } };

/** Lets the messages that a script holds in the middle of their words go on. */
export async function releaseWords(): Promise<void> {
  await fetch(`${sharedStack().simulatorUrl}/_control/release`, { method: "POST" });
}

/** Writes down what the agent does at each message: its metadata at the provider is not ours, and so is left alone. */
export async function giveScript(cmaAgentId: string, steps: ScriptStep[]): Promise<void> {
  const text = JSON.stringify(steps);
  const parts = text.match(/[\s\S]{1,500}/g) ?? [];
  const metadata = Object.fromEntries(
    parts.map((part, index) => [index === 0 ? "simulator_script" : `simulator_script_${index + 1}`, part]),
  );
  await provider().beta.agents.update(cmaAgentId, { version: await newestVersion(cmaAgentId), metadata });
}

async function newestVersion(cmaAgentId: string): Promise<number> {
  return (await provider().beta.agents.retrieve(cmaAgentId)).version;
}
