import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Conversation,
  hear,
  loseWords,
  nothingSaid,
  take,
  takeStored,
} from "../../../console/pages/sessions/conversation.ts";
import type { SessionEvent } from "../../../console/pages/sessions/entries.ts";
import { textSoFar, type Words } from "../../../core/being-said.ts";

const at = "2026-11-01T08:00:00Z";
const events = (...given: [string, unknown?][]): SessionEvent[] =>
  given.map(([type, payload = {}], index) => ({ position: index + 1, type, payload, at }));
const words = (text: string) => ({ content: [{ type: "text", text }] });
const use = (id: string, name: string, more: Record<string, unknown> = {}) => ({
  id,
  name,
  mcp_server_name: "powerloom-meta",
  input: {},
  ...more,
});
const answer = (id: string, value: unknown, is_error = false) => ({
  mcp_tool_use_id: id,
  is_error,
  content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
});
const of = (...given: [string, unknown?][]) => take(nothingSaid, events(...given));
const only = ({ entries }: Conversation) => {
  expect(entries).toHaveLength(1);
  return entries[0];
};

const turn = events(
  ["session.status_running"],
  ["user.message", words("Set it up")],
  ["agent.message", words("Let me look.")],
  ["agent.mcp_tool_use", use("a", "list_ous")],
  ["agent.mcp_tool_use", use("b", "list_users")],
  ["agent.mcp_tool_result", answer("b", { users: [] })],
  ["agent.mcp_tool_result", answer("a", { ous: [{ path: "/acme" }] })],
  ["agent.message", words("Done.")],
  ["session.status_idle", { stop_reason: { type: "end_turn" } }],
);

describe("events become a conversation", () => {
  test("whatever their order, their repetition and the parts they come in", () => {
    const whole = take(nothingSaid, turn);
    expect(whole.upTo).toBe(turn.length);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...turn, ...turn], { minLength: turn.length * 2 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        (shuffled, sizes) => {
          let held = nothingSaid;
          for (let from = 0, step = 0; from < shuffled.length; step++) {
            const size = sizes[step % sizes.length] ?? 1;
            held = take(held, shuffled.slice(from, from + size));
            from += size;
          }
          expect(held).toEqual(whole);
        },
      ),
    );
  });

  test("nothing is shown before what comes first, and nothing new is no change", () => {
    const early = take(nothingSaid, turn.slice(2));
    expect(early).toMatchObject({ entries: [], upTo: 0 });
    expect(early.early.size).toBe(turn.length - 2);
    const whole = take(early, turn.slice(0, 2));
    expect(whole.early.size).toBe(0);
    expect(take(whole, turn)).toBe(whole);
  });

  test("a stored page has what there is: what is missing in it is said and gone over, what comes after it waits", () => {
    const [first, , third, , fifth] = turn as [SessionEvent, SessionEvent, SessionEvent, SessionEvent, SessionEvent];
    const held = take(nothingSaid, [fifth]);
    const after = takeStored(held, [third, first]);
    expect(after.upTo).toBe(3);
    expect(after.entries.map(({ kind }) => kind)).toEqual(["line", "agent"]);
    expect(after.entries[0]).toMatchObject({ text: "One event is missing here", position: 2 });
    expect([...after.early.keys()]).toEqual([5]);
    expect(takeStored(after, [])).toBe(after);
  });

  test("a call that has not changed is the same object, so that it is not drawn anew", () => {
    const before = take(nothingSaid, turn.slice(0, 6));
    const after = take(before, turn.slice(6));
    expect(after.entries[2]).not.toBe(before.entries[2]);
    expect(after.entries[3]).toBe(before.entries[3]);
  });

  test("ten thousand events one by one", () => {
    let held = nothingSaid;
    for (let position = 1; position <= 10_000; position++)
      held = take(held, [{ position, type: "agent.message", payload: words(String(position)), at }]);
    expect(held.entries).toHaveLength(10_000);
  });
});

describe("tool calls", () => {
  test("run until they are answered, each by its own answer", () => {
    const running = take(nothingSaid, turn.slice(0, 5));
    expect(running.entries.slice(2)).toMatchObject([
      { kind: "call", tool: "list_ous", result: null },
      { kind: "call", tool: "list_users", result: null },
    ]);
    expect(take(running, turn.slice(5)).entries.slice(2, 4)).toMatchObject([
      { result: { isError: false, summary: "1 ou: /acme" } },
      { result: { summary: "no users" } },
    ]);
  });

  test("a refusal keeps the API's own words", () => {
    const refusal = { status: 403, title: "Insufficient permissions", detail: "You need `agent:create` on `/acme`." };
    const call = only(
      of(["agent.mcp_tool_use", use("a", "create_agent")], ["agent.mcp_tool_result", answer("a", refusal, true)]),
    );
    expect(call).toMatchObject({ result: { isError: true, problem: refusal, text: JSON.stringify(refusal) } });
  });

  test("of our own server name the request that waits, and the agent that was made; of others they do not", () => {
    const pending = { status: "pending_approval", request_id: "req_01a2", message: "waits" };
    const made = { status: "applied", agent: { id: "01a20084-e17e-73e0-babd-a1b41a1ff239" } };
    const call = (value: unknown, server: string) =>
      only(
        of(
          ["agent.mcp_tool_use", use("a", "create_agent", { mcp_server_name: server })],
          ["agent.mcp_tool_result", answer("a", value)],
        ),
      );
    expect(call(pending, "powerloom-meta")).toMatchObject({ result: { requestId: "req_01a2" } });
    expect(call(made, "powerloom-meta")).toMatchObject({ result: { agentId: made.agent.id } });
    expect(call(pending, "evil")).not.toHaveProperty("result.requestId");
    expect(call(made, "evil")).not.toHaveProperty("result.agentId");
    expect(call({ ...pending, request_id: "../audit" }, "powerloom-meta")).not.toHaveProperty("result.requestId");
  });

  test("that people are asked about say so, and what was decided", () => {
    const asked: [string, unknown] = ["agent.mcp_tool_use", use("a", "pay", { evaluated_permission: "ask" })];
    expect(only(of(asked))).toMatchObject({ asked: { decision: null } });
    expect(
      only(of(asked, ["user.tool_confirmation", { tool_use_id: "a", result: "deny", deny_message: "Too much" }])),
    ).toMatchObject({ asked: { decision: "deny", reason: "Too much" } });
  });

  test("an answer to a call that never came is a quiet line", () => {
    expect(
      only(of(["agent.tool_result", { tool_use_id: "x", content: [{ type: "text", text: "hm" }] }])),
    ).toMatchObject({
      kind: "line",
      tone: "quiet",
      text: "The answer of a tool call that is not shown: hm",
    });
  });
});

describe("what is said of an event", () => {
  test.each<[string, [string, unknown?], unknown]>([
    ["an unknown type is a quiet line", ["agent.dreamt", {}], { kind: "line", tone: "quiet", text: /agent\.dreamt/ }],
    ["an unknown type of ours too", ["powerloom.news", null], { kind: "line", tone: "quiet", text: /powerloom\.news/ }],
    [
      "a decision told by the control plane is not the person's",
      ["user.message", words("[powerloom] request req_1 applied: x")],
      { kind: "control_plane" },
    ],
    [
      "an approval",
      ["powerloom.approval_requested", { request_id: "req_1", summary: "calls pay" }],
      { kind: "approval", requestId: "req_1" },
    ],
    [
      "a message that is no text says what it is",
      ["agent.message", { content: [{ type: "redacted" }] }],
      { text: "[redacted]" },
    ],
    [
      "an error names its server",
      [
        "session.error",
        { error: { type: "mcp_connection_failed_error", mcp_server_name: "apollo", message: "refused" } },
      ],
      { tone: "bad", text: "mcp connection failed error (apollo): refused" },
    ],
    ["a payload of no shape breaks nothing", ["session.error", [1, 2]], { tone: "bad", text: "error: no detail" }],
    [
      "the end has a reason",
      ["powerloom.session_ended", { reason: "idle for too long" }],
      { text: "The session is over: idle for too long" },
    ],
  ])("%s", (_name, event, expected) => {
    const { text, ...rest } = expected as { text?: string | RegExp };
    const entry = only(of(event));
    expect(entry).toMatchObject(rest);
    if (text !== undefined) expect((entry as { text: string }).text).toMatch(text);
  });

  test("what only programs need is not shown", () => {
    expect(
      of(["span.model_request_start"], ["agent.thinking"], ["session.usage"], ["session.thread_status_idle"]).entries,
    ).toEqual([]);
  });
});

describe("whose turn it is", () => {
  test.each<[string, [string, unknown?][], unknown]>([
    ["nobody's before it begins", [], { status: "starting" }],
    ["the agent's while it runs", [["session.status_running"]], { status: "running" }],
    [
      "the person's when it rests",
      [["session.status_idle", { stop_reason: { type: "end_turn" } }]],
      { status: "idle" },
    ],
    [
      "an approver's when a call waits",
      [["session.status_idle", { stop_reason: { type: "requires_action" } }]],
      { status: "waiting" },
    ],
    [
      "nobody's after the end, whatever comes late",
      [["powerloom.session_ended", { reason: "done" }], ["session.status_running"]],
      { status: "ended", reason: "done" },
    ],
  ])("%s", (_name, given, expected) => {
    expect(of(...given).turn).toEqual(expected);
  });
});

describe("words as they come", () => {
  const text = "Let me look at what there is.";
  const pieces = (eventId: string, said = text): Words[] =>
    [...said.matchAll(/\S+\s*/g)].map((match) => ({ eventId, at: match.index, text: match[0] }));
  const begun = events(["session.status_running"], ["user.message", words("Set it up")]);
  const told: SessionEvent = { position: 3, type: "agent.message", payload: { id: "m1", ...words(text) }, at };
  const spoken = ({ beingSaid }: Conversation) => beingSaid.messages.map(textSoFar);

  test("grow into the message, which then takes their place", () => {
    let held = take(nothingSaid, begun);
    let grown = "";
    for (const piece of pieces("m1")) {
      held = hear(held, [piece]);
      grown += piece.text;
      expect(spoken(held)).toEqual([grown]);
      expect(held.entries).toHaveLength(1);
    }
    const after = take(held, [told]);
    expect(spoken(after)).toEqual([]);
    expect(after.entries.at(-1)).toMatchObject({ kind: "agent", text });
    expect(hear(after, pieces("m1"))).toBe(after);
  });

  test("are the same in whatever order and however often they come", () => {
    const all = pieces("m1");
    fc.assert(
      fc.property(fc.shuffledSubarray([...all, ...all, ...all], { minLength: all.length * 3 }), (shuffled) => {
        const held = shuffled.reduce((before, piece) => hear(before, [piece]), nothingSaid);
        expect(held.beingSaid.messages).toEqual([{ eventId: "m1", pieces: [{ at: 0, text }] }]);
        expect(hear(held, shuffled)).toBe(held);
      }),
    );
  });

  test("and the message in any order, never make two of it, nor lose it", () => {
    const stream = [...begun, told];
    const whole = take(nothingSaid, stream);
    type Told = { event: SessionEvent } | { words: Words };
    const all: Told[] = [...stream.map((event) => ({ event })), ...pieces("m1").map((piece) => ({ words: piece }))];
    fc.assert(
      fc.property(fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 }), (shuffled) => {
        let held = nothingSaid;
        for (const one of shuffled) {
          held = "event" in one ? take(held, [one.event]) : hear(held, [one.words]);
          const inFull = held.entries.filter(({ kind }) => kind === "agent").length;
          expect(inFull + held.beingSaid.messages.length).toBeLessThanOrEqual(1);
        }
        expect(held).toEqual(whole);
      }),
    );
  });

  test("of a message that waits for what comes before it go on until it is shown", () => {
    const held = hear(take(nothingSaid, [told]), pieces("m1").slice(0, 2));
    expect(held.entries).toEqual([]);
    expect(spoken(held)).toEqual(["Let me "]);
    expect(spoken(take(held, begun))).toEqual([]);
  });

  test("that are lost leave a hole, which the message fills", () => {
    const [first, , third] = pieces("m1") as [Words, Words, Words];
    expect(spoken(hear(nothingSaid, [third, first]))).toEqual(["Let …look "]);
  });

  test("said by halves are gone when the connection breaks; what comes after it begins in the middle", () => {
    const all = pieces("m1");
    const broken = loseWords(hear(take(nothingSaid, begun), all.slice(0, 3)));
    expect(spoken(broken)).toEqual([]);
    expect(loseWords(broken)).toBe(broken);
    const again = hear(broken, all.slice(4));
    expect(spoken(again)).toEqual(["…what there is."]);
    expect(take(again, [told]).entries.at(-1)).toMatchObject({ kind: "agent", text });
  });

  test("of a message that never comes end with the model's request, or with the turn", () => {
    for (const [type, payload] of [
      ["span.model_request_end", { is_error: true }],
      ["session.status_idle", { stop_reason: { type: "end_turn" } }],
      ["session.status_terminated", {}],
      ["powerloom.session_ended", { reason: "ended by its user" }],
    ] as const) {
      const held = hear(take(nothingSaid, begun), pieces("m1").slice(0, 3));
      const ended = take(held, [{ position: 3, type, payload, at }]);
      expect(spoken(ended)).toEqual([]);
      expect(hear(ended, pieces("m1"))).toBe(ended);
      expect(spoken(hear(ended, pieces("m2")))).toEqual([text]);
    }
  });

  test("of two messages at once are kept apart", () => {
    const held = hear(nothingSaid, [...pieces("m1"), ...pieces("m2", "Other words")]);
    expect(spoken(held)).toEqual([text, "Other words"]);
    expect(spoken(take(held, [...begun, told]))).toEqual(["Other words"]);
  });
});
