import { newOrganisation } from "../../../test/support/new-organisation.ts";
import type { Arena } from "../../arena.ts";

/** Where hostile things are sent, and by whom. */
export interface Scene {
  arena: Arena;
  token: string;
  root: string;
  /** An agent there. */
  agentId: string;
}

/** One hostile thing, and what must come of it. */
export interface Case {
  what: string;
  /** Sends it and says what came back, in words that are the same every time. */
  attempt: (scene: Scene) => Promise<string>;
  /** What the answer must match. */
  answer: RegExp;
  /** Takes so long that only the long form has it: why. */
  long?: string;
}

export async function setScene(arena: Arena): Promise<Scene> {
  const { admin, root } = await newOrganisation("hostile", arena);
  const agent = await admin.make<{ id: string }>("/agents", { name: "target", ou: root, model: "claude-sonnet-5-5" });
  return { arena, token: admin.token, root, agentId: agent.id };
}

/** Status and words of an answer, without what differs from run to run. */
export async function wordsOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("application/problem+json") !== true)
    return `${response.status}`;
  const { detail } = JSON.parse(text) as { detail: string };
  const plain = detail.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "…").replace(/\s+/g, " ");
  return `${response.status} ${plain.length > 140 ? `${plain.slice(0, 140)}…` : plain}`;
}

/** A body sent as it is, as JSON. */
export async function post(
  { arena, token }: Scene,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<string> {
  return wordsOf(
    await fetch(arena.apiUrl + path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body,
    }),
  );
}

/** Resident memory of the API process, in bytes. */
export async function memoryOf({ arena }: Scene): Promise<number> {
  const metrics = await (await fetch(`${arena.apiUrl}/metrics`)).text();
  return Number(/^process_resident_memory_bytes\{[^}]*\} (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}
