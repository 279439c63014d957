import { expect } from "vitest";
import type { Person } from "../../demo/api.ts";
import { eventually, sharedStack } from "./organisation.ts";

interface Seen {
  id: number;
  type: string;
  summary: string;
  target?: { type: string; id: string };
  status?: string;
  [more: string]: unknown;
}

/** Follows the stream until it is closed; `seen` grows as events come. */
export async function follow(person: Person, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const answer = await fetch(`${sharedStack().apiUrl}/events`, {
    headers: { Authorization: `Bearer ${person.token}`, ...headers },
    signal: abort.signal,
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const seen: Seen[] = [];
  const reading = (async () => {
    let text = "";
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const id = /^id: (\d+)$/m.exec(event)?.[1];
        const data = /^data: (.+)$/m.exec(event)?.[1];
        if (id === undefined || data === undefined) continue;
        seen.push({ ...(JSON.parse(data) as Omit<Seen, "id">), id: Number(id) } as Seen);
      }
    }
  })().catch(() => undefined);
  return {
    seen,
    until: (summary: string) =>
      eventually(async () => seen.find((event) => event.summary.includes(summary)), `an event about ${summary}`, 8_000),
    async close() {
      abort.abort();
      await reading;
    },
  };
}
