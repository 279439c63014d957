import { randomUUID } from "node:crypto";
import type { ApiClient } from "./api-client.ts";
import { type Turn, turnAfter } from "./chat-turn.ts";
import { openSession } from "./commands/invoke.ts";
import { CliFailure, Exit, exitCodes, usageFailure } from "./failure.ts";
import { segmentOf } from "./parameters.ts";
import type { StreamEvent } from "./render-event.ts";
import { openScreen, type Screen } from "./screen.ts";
import { followSession } from "./session-stream.ts";
import type { Shell } from "./shell.ts";

export interface ConversationStart {
  agent: string | undefined;
  /** An open session to go on with, instead of an agent. */
  sessionId: string | undefined;
  prompt: string | undefined;
  json: boolean;
}

/** Waits a bounded time for the last events after a session was told to end. */
const farewellMs = 15_000;

/** A conversation from the first prompt to the end: what the person says goes out, what happens is shown as it comes. */
export async function converse(shell: Shell, api: ApiClient, start: ConversationStart): Promise<void> {
  // Nothing is open yet that would have to be ended.
  let interrupt: () => void = () => process.exit(130);
  const screen = openScreen(shell, start.json, () => interrupt());
  try {
    const opened = await open(api, screen, start);
    if (opened === undefined) return;
    const talk = createTalk(api, screen, opened);
    interrupt = () => talk.interrupt();
    const following = talk.follow();
    // Whichever comes first: the person has no more to say, or the session is over.
    await Promise.race([following, talk.speak()]);
    await talk.leave(following);
  } finally {
    screen.close();
  }
}

interface Opened {
  sessionId: string;
  websocketUrl: string | undefined;
  after: number;
  turn: Turn;
}

async function open(
  api: ApiClient,
  screen: Screen,
  { agent, sessionId, prompt }: ConversationStart,
): Promise<Opened | undefined> {
  if (sessionId !== undefined) return resume(api, screen, sessionId, prompt);
  const text = prompt ?? (await firstPrompt(screen));
  if (text === undefined || agent === undefined) throw usageFailure("there is no prompt to begin with");
  const session = await openSession(api, agent, text);
  screen.note(`Session ${session.session_id}`);
  return {
    sessionId: session.session_id,
    websocketUrl: session.websocket_url,
    after: 0,
    turn: { status: "said", text },
  };
}

/** Shows what has been, and finds out whose turn it is from it. */
async function resume(
  api: ApiClient,
  screen: Screen,
  sessionId: string,
  prompt: string | undefined,
): Promise<Opened | undefined> {
  const path = pathOf(sessionId);
  let after = 0;
  let turn: Turn = { status: "running" };
  for (;;) {
    const { data } = await api.get<{ data: StreamEvent[] }>(`${path}/events`, { after, limit: 1000 });
    for (const event of data) {
      screen.show(event);
      turn = turnAfter(turn, event);
      after = event.position;
    }
    if (data.length === 0) break;
  }
  if (turn.status === "ended") return undefined;
  if (prompt !== undefined) {
    await say(api, sessionId, prompt);
    turn = { status: "said", text: prompt };
  }
  return { sessionId, websocketUrl: undefined, after, turn };
}

async function firstPrompt(screen: Screen): Promise<string | undefined> {
  screen.invite();
  for (;;) {
    const next = await screen.lines.next();
    if (next.done === true) return undefined;
    if (next.value.trim() !== "") return next.value.trim();
  }
}

const pathOf = (sessionId: string) => `/sessions/${segmentOf("session_id", sessionId)}`;

async function say(api: ApiClient, sessionId: string, text: string): Promise<void> {
  await api.send({
    method: "POST",
    path: `${pathOf(sessionId)}/messages`,
    body: { text },
    headers: { "idempotency-key": randomUUID() },
  });
}

function createTalk(api: ApiClient, screen: Screen, opened: Opened) {
  const { sessionId } = opened;
  const path = pathOf(sessionId);
  const stop = new AbortController();
  let turn = opened.turn;
  let onTurn = () => {};
  let interrupts = 0;
  let leaving: "end" | "detach" = "end";

  const become = (next: Turn) => {
    if (next === turn) return;
    turn = next;
    if (turn.status === "idle") screen.invite();
    onTurn();
  };

  async function rested(): Promise<void> {
    while (turn.status !== "idle" && turn.status !== "ended")
      await new Promise<void>((resolve) => {
        onTurn = resolve;
      });
  }

  async function speakOnce(text: string): Promise<void> {
    interrupts = 0;
    become({ status: "said", text });
    await say(api, sessionId, text);
  }

  async function end(): Promise<void> {
    await api.post(`${path}/end`).catch((error: unknown) => {
      if (!(error instanceof CliFailure) || error.problem.code !== "session_ended") throw error;
    });
  }

  const reported = (action: Promise<unknown>) =>
    void action.catch((error: unknown) => screen.note(error instanceof Error ? error.message : String(error)));

  return {
    async follow(): Promise<void> {
      for await (const event of followSession({ api, ...opened, onWords: screen.hear, signal: stop.signal })) {
        screen.show(event);
        become(turnAfter(turn, event));
      }
    },

    /** Says line after line; to a terminal at once, else each when the agent rests. */
    async speak(): Promise<void> {
      if (turn.status === "idle") screen.invite();
      for (;;) {
        if (!screen.interactive) await rested();
        const next = await screen.lines.next();
        if (turn.status === "ended") return;
        if (next.done === true) break;
        const text = next.value.trim();
        if (text === "/end") return;
        if (text === "/interrupt") reported(api.post(`${path}/interrupt`));
        else if (text !== "" && screen.interactive) reported(speakOnce(text));
        else if (text !== "") await speakOnce(text);
      }
      if (screen.interactive) leaving = "detach";
      else await rested();
    },

    /** First Ctrl-C: stop what it does. Second: end the session. Third: go, whatever happens there. */
    interrupt(): void {
      interrupts += 1;
      if (interrupts === 1) {
        screen.note("Interrupting. Ctrl-C again ends the session.");
        reported(api.post(`${path}/interrupt`));
      } else if (interrupts === 2) {
        screen.note("Ending the session.");
        reported(end());
      } else stop.abort();
    },

    async leave(following: Promise<void>): Promise<void> {
      if (turn.status !== "ended" && !stop.signal.aborted && leaving === "end") {
        await end();
        const timer = setTimeout(() => stop.abort(), farewellMs);
        await following.finally(() => clearTimeout(timer));
      }
      stop.abort();
      await following;
      if (leaving === "detach") screen.note(`\nThe session stays open: powerloom chat --session ${sessionId}`);
      if (turn.status === "ended" && /^(failed|terminated)/.test(turn.reason)) throw new Exit(exitCodes.failed);
    },
  };
}
