import { createApiClient } from "../cli/api-client.ts";
import type { StreamEvent } from "../cli/render-event.ts";
import { followSession } from "../cli/session-stream.ts";
import { expectStatus } from "./http.ts";
import { type Finding, figure } from "./report.ts";
import { summarise } from "./samples.ts";
import type { Stage } from "./stage.ts";

const prompt = "Set up a scoped sales-prospecting agent for Emma on the sales team with Apollo and Gmail access";
const callsOfTarget = 7;

interface Conversation {
  sessionId: string;
  totalMs: number;
  calls: number;
  toolMs: number;
  /** Until the provider's stand-in took the prompt up: workflow, vault, credentials, session, prompt. */
  openingMs: number;
}

/** The main job without model time: from POST invoke to the idle event on the WebSocket. */
export async function measureConversations(stage: Stage, scale: number): Promise<Finding[]> {
  const { asker } = stage;
  const { data } = (await expectStatus(asker("GET", "/agents?name=powerloom-meta"), 200)) as { data: { id: string }[] };
  const meta = data[0]?.id ?? "";
  const talks: Conversation[] = [];
  const rounds = Math.max(2, Math.round(6 * scale));
  for (let round = 0; round <= rounds; round += 1) {
    await stage.quiet();
    const talk = await converse(stage, meta);
    // The first one warms up.
    if (round > 0) talks.push(talk);
    const made = (await expectStatus(asker("GET", "/agents?ou=%2Facme%2Fsales"), 200)) as { data: { id: string }[] };
    await expectStatus(asker("POST", `/sessions/${talk.sessionId}/end`, {}), 200);
    for (const { id } of made.data) await expectStatus(asker("DELETE", `/agents/${id}`), 200);
  }
  const total = summarise(talks.map(({ totalMs }) => totalMs));
  const tools = summarise(talks.map(({ toolMs }) => toolMs));
  const opening = summarise(talks.map(({ openingMs }) => openingMs));
  const calls = talks[0]?.calls ?? 0;
  return [
    {
      name: `conversation, ${calls} tool calls`,
      measured: `p50 ${figure(total.p50)}, p95 ${figure(total.p95)} ms; opening ${figure(opening.p50)}, tool calls ${figure(tools.p50)} ms`,
      value: total.p50,
      unit: "ms",
      target: { at: "most", value: Math.round((1_000 * Math.max(calls, callsOfTarget)) / callsOfTarget) },
      facts: { total, tools, opening, calls, talks },
    },
  ];
}

async function converse(stage: Stage, agentId: string): Promise<Conversation> {
  const api = createApiClient({ apiUrl: stage.stack.apiUrl, token: stage.askerToken });
  const started = performance.now();
  const startedAt = Date.now();
  const opened = await expectStatus(stage.asker("POST", `/agents/${agentId}/invoke`, { prompt }), 201);
  const sessionId = String(opened["session_id"]);
  const events: StreamEvent[] = [];
  for await (const event of followSession({ api, sessionId, websocketUrl: String(opened["websocket_url"]) })) {
    events.push(event);
    if (event.type === "session.status_idle" || event.type === "powerloom.session_ended") break;
  }
  const totalMs = performance.now() - started;
  const uses = events.filter(({ type }) => type === "agent.mcp_tool_use");
  const running = events.find(({ type }) => type === "session.status_running");
  return { sessionId, totalMs, calls: uses.length, toolMs: toolTime(events), openingMs: momentOf(running) - startedAt };
}

/** The stand-in stamps what it asks and what it got: the sum between them is the time of our tools. */
function toolTime(events: readonly StreamEvent[]): number {
  const asked = new Map<string, number>();
  let sum = 0;
  for (const event of events) {
    const payload = event.payload as { id?: string; mcp_tool_use_id?: string };
    if (event.type === "agent.mcp_tool_use") asked.set(payload.id ?? "", momentOf(event));
    const since = event.type === "agent.mcp_tool_result" ? asked.get(payload.mcp_tool_use_id ?? "") : undefined;
    if (since !== undefined) sum += momentOf(event) - since;
  }
  return sum;
}

function momentOf(event: StreamEvent | undefined): number {
  const { processed_at } = (event?.payload ?? {}) as { processed_at?: string };
  return Date.parse(processed_at ?? "");
}
