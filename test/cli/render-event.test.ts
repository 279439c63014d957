import { describe, expect, test } from "vitest";
import { createTranscript, renderEvent, type StreamEvent } from "../../cli/render-event.ts";

const event = (type: string, payload: unknown): StreamEvent => ({
  position: 1,
  type,
  payload,
  at: "2026-11-01T08:00:00Z",
});
const said = (text: string) => event("agent.message", { content: [{ type: "text", text }] });
const called = (name: string, input: unknown, server = "powerloom-meta") =>
  event("agent.mcp_tool_use", { name, input, mcp_server_name: server });
const answered = (value: unknown, is_error = false) =>
  event("agent.mcp_tool_result", {
    is_error,
    content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
  });

describe("events for people", () => {
  test.each<[string, StreamEvent, string[]]>([
    ["narration is text", said("One.\nTwo `x`."), ["One.", "Two `x`."]],
    ["a call is an arrow", called("list_ous", {}), ["  → list_ous"]],
    [
      "a call shows its input",
      called("create_agent", { name: "reviewer", ou: "/acme" }),
      ['  → create_agent {name: "reviewer", ou: "/acme"}'],
    ],
    ["a call of another server names it", called("search", { q: "x" }, "github"), ['  → github.search {q: "x"}']],
    [
      "a tree is flattened",
      answered({ ous: [{ path: "/acme", children: [{ path: "/acme/sales", children: [] }] }] }),
      ["  ✓ 2 ous: /acme, /acme/sales"],
    ],
    ["one is one", answered({ mcp_servers: [{ name: "apollo" }] }), ["  ✓ 1 mcp server: apollo"]],
    ["none is none", answered({ skills: [] }), ["  ✓ no skills"]],
    [
      "a person is an email and a home",
      answered({ email: "emma@acme.com", home_ou_path: "/acme/sales", groups: [] }),
      ["  ✓ emma@acme.com, at home in /acme/sales"],
    ],
    [
      "an agent is its name, place, model and state",
      answered({ name: "r", ou_path: "/acme", model: "claude-x", sync_state: "synced" }),
      ["  ✓ r in /acme, claude-x, synced"],
    ],
    [
      "a change says what happened",
      answered({ status: "applied", message: "Agent r created." }),
      ["  ✓ Agent r created."],
    ],
    [
      "a refusal says the API's own words",
      answered({ status: 403, title: "Insufficient permissions", detail: "You need `agent:create`." }, true),
      ["  ✗ 403 Insufficient permissions: You need `agent:create`."],
    ],
    ["an answer in prose is cut to its line", answered("a\n\nb"), ["  ✓ a b"]],
    ["an empty answer is done", event("agent.tool_result", {}), ["  ✓ done"]],
    [
      "an approval names the command that decides it",
      event("powerloom.approval_requested", { request_id: "req_1", summary: "Agent r calls x" }),
      ["⏸ Waits for approval: Agent r calls x", "  powerloom approvals vote req_1 --decision approve"],
    ],
    [
      "the end has a reason",
      event("powerloom.session_ended", { reason: "ended by its user" }),
      ["■ Session over: ended by its user"],
    ],
    [
      "an error names its server",
      event("session.error", {
        error: {
          type: "mcp_connection_failed_error",
          mcp_server_name: "apollo",
          message: "refused",
          retry_status: { type: "exhausted" },
        },
      }),
      ["! mcp_connection_failed_error (apollo): refused [exhausted]"],
    ],
    [
      "what the control plane tells a session is not put in the person's mouth",
      event("user.message", { content: [{ type: "text", text: "[powerloom] request req_1 was approved" }] }),
      ["· [powerloom] request req_1 was approved"],
    ],
    ["the end of a turn needs no words", event("session.status_idle", { stop_reason: { type: "end_turn" } }), []],
    [
      "a held-back call does",
      event("session.status_idle", { stop_reason: { type: "requires_action" } }),
      ["… A tool call waits for an approver"],
    ],
    ["what only programs need is left out", event("span.model_request_start", {}), []],
    ["an event of tomorrow is left out", event("agent.something_new", null), []],
  ])("%s", (_what, given, lines) => {
    expect(renderEvent(given)).toEqual(lines);
  });

  test("terminal escapes in what others said do not reach the terminal", () => {
    for (const lines of [
      renderEvent(said("\u001b[2Jgone\u009b1m")),
      renderEvent(called("x\u001b", { "\u001b]0;t\u0007": "\u001b" })),
      renderEvent(answered("\u001b]52;c;x\u0007")),
    ])
      expect(lines.join("")).not.toMatch(/[\p{Cc}]/u);
  });

  test("calls and results keep to the width", () => {
    const long = "x".repeat(500);
    for (const given of [called("create_agent", { a: long, b: long, c: long }), answered(long)])
      expect(renderEvent(given, { width: 60 })[0]?.length).toBeLessThanOrEqual(60);
  });

  test("colours come only when asked for", () => {
    expect(renderEvent(said("**Done**"), { color: true })).toEqual(["\u001b[1mDone\u001b[22m"]);
    expect(renderEvent(said("**Done**"))).toEqual(["Done"]);
  });

  test("a transcript has an empty line before each paragraph, and none between a call and its result", () => {
    const transcript = createTranscript();
    const events = [
      event("user.message", { content: [{ type: "text", text: "Go" }] }),
      said("Looking."),
      called("list_ous", {}),
      answered({ ous: [] }),
      said("Done."),
    ];
    expect(events.flatMap((one) => transcript(one))).toEqual([
      "› Go",
      "",
      "Looking.",
      "  → list_ous",
      "  ✓ no ous",
      "",
      "Done.",
    ]);
  });
});
