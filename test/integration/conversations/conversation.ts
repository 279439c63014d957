import type { Person } from "../../../demo/api.ts";
import { eventually } from "../../support/organisation.ts";

export interface SessionEvent {
  position: number;
  type: string;
  payload: { name?: string; content?: { type: string; text?: string }[] };
}

/** What came of one turn. */
export interface Turn {
  sessionId: string;
  /** What the agent said, in order. */
  said: string[];
  final: string;
  tools: string[];
}

export async function eventsOf(person: Person, sessionId: string, after = 0): Promise<SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (let position = after; ; ) {
    const page = await person.get<{ data: SessionEvent[] }>(
      `/sessions/${sessionId}/events?after=${position}&limit=200`,
    );
    events.push(...page.data);
    if (page.data.length < 200) return events;
    position = page.data.at(-1)?.position ?? position;
  }
}

const textOf = ({ payload }: SessionEvent): string => (payload.content ?? []).map(({ text }) => text ?? "").join("");

function turnOf(sessionId: string, events: SessionEvent[]): Turn {
  const said = events.filter(({ type }) => type === "agent.message").map(textOf);
  const tools = events.filter(({ type }) => type === "agent.mcp_tool_use").map(({ payload }) => payload.name ?? "");
  return { sessionId, said, final: said.at(-1) ?? "", tools };
}

/** Opens a session with an agent and waits for its answer, as `POST /agents/:id/invoke` with mode wait gives it. */
export async function ask(person: Person, agentId: string, prompt: string): Promise<Turn> {
  const invoked = await person.make<{ session_id: string; status: string; final_message: string | null }>(
    `/agents/${agentId}/invoke`,
    { prompt, mode: "wait", wait_seconds: 60 },
  );
  if (invoked.status !== "idle") throw new Error(`the conversation is ${invoked.status} after a minute: ${prompt}`);
  const turn = turnOf(invoked.session_id, await eventsOf(person, invoked.session_id));
  if (turn.final !== invoked.final_message)
    throw new Error(`the final message is not the last thing said: ${invoked.final_message} / ${turn.final}`);
  return turn;
}

/** Says something more in an open session and waits for the answer. */
export async function answer(person: Person, sessionId: string, text: string): Promise<Turn> {
  const before = (await eventsOf(person, sessionId)).at(-1)?.position ?? 0;
  const sent = await person.send("POST", `/sessions/${sessionId}/messages`, { text });
  if (sent.status !== 202) throw new Error(`the message was answered ${sent.status}: ${JSON.stringify(sent.body)}`);
  return heardAfter(person, sessionId, before, (heard) => heard === text);
}

/** Waits until a session has been told something after a position, and rests again. */
export function heardAfter(
  person: Person,
  sessionId: string,
  position: number,
  told: (text: string) => boolean,
): Promise<Turn> {
  return eventually(
    async () => {
      const events = await eventsOf(person, sessionId, position);
      const start = events.findIndex((event) => event.type === "user.message" && told(textOf(event)));
      const rest = events.slice(start);
      const idle = rest.some(({ type }) => type === "session.status_idle");
      return start >= 0 && idle ? turnOf(sessionId, rest) : undefined;
    },
    `session ${sessionId} has answered`,
    30_000,
  );
}
