import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { painter } from "../../cli/paint.ts";
import { eventLine } from "../../cli/run/event-lines.ts";
import type { RunEvent } from "../../cli/run/follow.ts";
import { renderTree } from "../../cli/run/render-tree.ts";
import { cutToWidth, lastOfWidth, textWidth } from "../../cli/run/text-width.ts";
import { openTree, type RunTree, type StepItem, type TreeInput } from "../../cli/run/tree.ts";
import { treeAfter } from "../../cli/run/tree-after.ts";
import { dollars, duration, shortCount } from "../../core/text/figures.ts";
import { beginning, end, eventsOf, executorId, rootId, runOf, story } from "./run-events.ts";

const grown = (events: readonly RunEvent[], tree = openTree(runOf())): RunTree =>
  events.reduce((so, event) => treeAfter(so, { kind: "event", event }), tree);
const drawn = (tree: RunTree, style: Partial<Parameters<typeof renderTree>[1]> = {}) =>
  renderTree(tree, { width: 100, now: beginning + 10_000, color: false, ...style });
const steps = (tree: RunTree, run = rootId) =>
  (tree.runs[run]?.items ?? []).filter((item): item is StepItem => item.kind === "step");

describe("the tree of a run", () => {
  test("nests subagents, and the steps of a plan by number", () => {
    expect(drawn(grown(story))).toEqual([
      "⠋ orchestrator claude-sonnet-5-5  Fix the tests  10.0 s · 2.1k tokens",
      "  ⏸ executor claude-haiku-5  plan  7.0 s · 900 tokens",
      "    ✓ step 1  200 tokens",
      '      ✓ read_file {"path":"a.ts"}  12 ms',
      "    ⠋ step 2  700 tokens",
      '      ✗ execute_command {"command":"npm test"}  2.3 s',
      "        exit 1",
      '      ⏸ write_file {"path":"a.ts"}  2.0 s',
      "        it writes",
      "        powerloom approvals vote req_7 --decision approve",
      "  2.1k tokens · $0.0053 · 4 model calls · 10.0 s",
      "  tokens ████░░░░░░░░░░░░░░░░  21%  2.1k of 10k",
    ]);
  });

  test("an event that is heard twice changes nothing", () => {
    const tree = grown(story);
    for (const event of story) expect(treeAfter(tree, { kind: "event", event })).toBe(tree);
  });

  const asked = [
    "model_answered",
    { step_id: "1", plan_step: null, tokens: 10, tools: ["write_file"], final: false },
  ] as const;
  const of = { step_id: "1.1", tool: "write_file" };
  const waits = ["permission_requested", { ...of, request_id: "req_1", reason: "it writes", input: "{}" }] as const;
  test.each([
    ["was asked for", [asked], { mark: "running", tokens: 10 }],
    [
      "was refused",
      [asked, ["blocked", { ...of, rule: "read-only", reason: "no" }]],
      { mark: "refused", detail: "no" },
    ],
    ["waits", [asked, waits], { mark: "waiting", requestId: "req_1" }],
    ["was approved", [asked, waits, ["permission_approved", of]], { mark: "running", requestId: null }],
    [
      "was denied",
      [asked, waits, ["permission_denied", { ...of, reason: "not now" }]],
      { mark: "refused", detail: "not now" },
    ],
    [
      "timed out",
      [asked, ["run_step", { ...of, status: "timeout", output: "" }]],
      { mark: "failed", detail: "timeout" },
    ],
    ["is done", [asked, ["run_step", { ...of, status: "success", duration_ms: 5 }]], { mark: "done", durationMs: 5 }],
    ["was open at the end", [asked, waits, end("cancelled")], { mark: "stopped", requestId: null }],
    ["nobody had asked for", [["run_step", { ...of, status: "success" }]], { mark: "done", tool: "write_file" }],
  ] as const)("a step that %s", (_what, given, expected) => {
    expect(steps(grown(eventsOf(given)))[0]).toMatchObject(expected);
  });

  test.each([
    ["completed", "done"],
    ["failed", "failed"],
    ["stopped", "stopped"],
    ["cancelled", "cancelled"],
  ])("a run that is %s is marked %s, with nothing open below it", (status, mark) => {
    const tree = grown(
      eventsOf([
        ...story.map(({ type, payload, run_id: run }) => [type, payload as object, run] as const),
        end(status, executorId),
      ]),
    );
    expect(tree.runs[executorId]).toMatchObject({ mark, reason: "the answer fits" });
    expect(tree.runs[executorId]?.plan[2]?.mark).toBe(mark === "done" ? "done" : "failed");
    expect(drawn(tree).join("\n")).not.toContain("approvals vote");
  });

  test("the run itself brings figures, and how the steps of its plan have ended", () => {
    const output = {
      status: "failed",
      steps: [
        { step: 1, status: "done" },
        { step: 2, status: "failed" },
        { step: 3, status: "skipped" },
      ],
    };
    const run = runOf({
      used: { tokens: 9_500, cost_micros: 1, calls: 2 },
      budget: { tokens: 10_000, cost_usd: 0.01, calls: 4, wall_seconds: 60 },
      children: [runOf({ id: executorId, output })],
    });
    const tree = treeAfter(grown(story), { kind: "run", run });
    expect(Object.values(tree.runs[executorId]?.plan ?? {}).map(({ mark }) => mark)).toEqual([
      "done",
      "failed",
      "skipped",
    ]);
    expect(drawn(tree).slice(-5)).toEqual([
      "  9.5k tokens · $0.0053 · 4 model calls · 10.0 s",
      "  tokens ███████████████████░  95%  9.5k of 10k",
      "  cost   ██████████░░░░░░░░░░  53%  $0.0053 of $0.0100",
      "  calls  ████████████████████ 100%  4 of 4",
      "  time   ███░░░░░░░░░░░░░░░░░  16%  10.0 s of 1 min 00 s",
    ]);
  });

  test.each([
    [6_900, "green"],
    [7_000, "yellow"],
    [9_000, "red"],
  ] as const)("a budget bar at %i of 10000 is %s", (tokens, style) => {
    const tree = treeAfter(openTree(runOf()), {
      kind: "run",
      run: runOf({ used: { tokens, cost_micros: 0, calls: 0 } }),
    });
    const full = "█".repeat(Math.floor(tokens / 500));
    expect(drawn(tree, { color: true }).join("\n")).toContain(painter(true)(style, full));
  });

  test("warnings stand in the tree, ordinary remarks too", () => {
    const tree = grown(
      eventsOf([
        ["loop_detected", { level: "replan", pattern: "repeat", tool: "read_file", times: 4, reason: "" }],
        ["budget_warning", { unit: "costMicros", percent: 90, cap: 1_500_000 }],
        ["budget_warning", { reason: "more was used than had been reserved", tokens: 12 }],
        ["plan_validated", { step_count: 3, hash: "x" }],
        ["paused", { reason: "round in circles" }],
        ["brand_new", { a: 1 }],
      ]),
    );
    expect(drawn(tree).slice(0, 8)).toEqual([
      "⏸ orchestrator claude-sonnet-5-5  Fix the tests",
      "  ! Going in circles (repeat, read_file, 4 times): it has to think of another way",
      "  ! 90 % of the budget is used (money of $1.50)",
      "  ! more was used than had been reserved (tokens: 12)",
      "  · The plan is sound: 3 steps",
      "  ! Paused: round in circles",
      `    powerloom runs resume ${rootId}`,
      '  · brand new {"a":1}',
    ]);
  });

  test("what a model says is one line, its end, until it has answered", () => {
    const words = (text: string, thread = "main"): TreeInput => ({ kind: "words", run: rootId, thread, text });
    let tree = grown(story.slice(0, 1));
    for (const text of ["I shall\n", "look at ", "x".repeat(80)]) tree = treeAfter(tree, words(text));
    expect(drawn(tree, { width: 40 }).at(-1)).toBe(`  orchestrator: …${"x".repeat(23)}`);
    expect(grown(story.slice(1, 2), tree).words).toEqual({});
    // Another thread goes on speaking.
    const two = treeAfter(tree, words("step", "step-4~2"));
    expect(Object.values(grown(story.slice(1, 2), two).words).map(({ thread }) => thread)).toEqual(["step-4~2"]);
    expect(
      grown(
        eventsOf([
          ...story.slice(0, 1).map(({ type, payload }) => [type, payload as object] as const),
          end("completed"),
        ]),
        two,
      ).words,
    ).toEqual({});
  });

  test("a run that claims to be its own subagent, or another's a second time, is drawn once", () => {
    const tree = grown(
      eventsOf([
        ["subagent_started", { step_id: "1.1", agent: "x", child_run_id: executorId }],
        ["subagent_started", { step_id: "1.1", agent: "x", child_run_id: executorId }, executorId],
        ["subagent_started", { step_id: "1.2", agent: "x", child_run_id: rootId }, executorId],
        ["subagent_started", { step_id: "1.3", agent: "x", child_run_id: executorId }],
        ["run_started", { agent: "late", parent_run_id: "nobody" }, "0198c2f4-6f7e-7c3a-9d55-000000000003"],
      ]),
    );
    expect(drawn(tree).filter((line) => /^ *\S (x|late)/.test(line))).toHaveLength(2);
  });

  test("what others have named cannot write to the terminal", () => {
    const evil = "\u001b[2J\u202eevil\n";
    const tree = grown(
      eventsOf([
        ["run_started", { agent: evil, model: evil, task: evil }],
        ["run_step", { step_id: "1.1", tool: evil, input: evil, status: "failed", output: evil }],
        ["permission_requested", { step_id: "1.2", tool: evil, request_id: evil, reason: evil }],
        ["odd", { evil }],
      ]),
    );
    const said = treeAfter(tree, { kind: "words", run: rootId, thread: "main", text: evil });
    expect(drawn(said).join("")).not.toMatch(/\p{Cc}|\u202e/u);
  });
});

describe("where there is little room", () => {
  test("no line is wider than the terminal, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 1, max: 60 }), (text, width) => {
        const tree = grown(
          eventsOf([
            ["run_started", { agent: text, model: text, task: text }],
            ["run_step", { step_id: "1.1", tool: text, input: text, status: "failed", output: text, duration_ms: 5 }],
          ]),
        );
        const said = treeAfter(tree, { kind: "words", run: rootId, thread: "main", text: `${text} ` });
        for (const color of [false, true])
          for (const line of drawn(said, { width, color }))
            expect(textWidth(stripVTControlCharacters(line))).toBeLessThanOrEqual(width);
      }),
      { numRuns: 50 },
    );
  });

  test("what is over is folded first, then the oldest lines go; the budget stays", () => {
    const many = eventsOf([
      ["subagent_started", { step_id: "1.1", agent: "planner", child_run_id: executorId }],
      ["run_step", { step_id: "1.1", tool: "read_file", status: "success" }, executorId],
      end("completed", executorId),
      ...Array.from(
        { length: 20 },
        (_, at) => ["run_step", { step_id: `2.${at}`, tool: `tool-${at}`, status: "success" }] as const,
      ),
    ]);
    const tree = grown(many);
    expect(drawn(tree, { rows: 24 })).toHaveLength(24);
    expect(drawn(tree, { rows: 24 }).join("\n")).not.toContain("read_file");
    const few = drawn(tree, { rows: 8 });
    expect(few).toHaveLength(8);
    expect(few[0]).toContain("orchestrator");
    expect(few[1]).toBe("  … 17 earlier lines");
    expect(few.slice(2, 6).map((line) => line.trim())).toEqual(["✓ tool-16", "✓ tool-17", "✓ tool-18", "✓ tool-19"]);
    expect(few.at(-1)).toContain("of 10k");
  });

  test.each([
    ["abc", 3],
    ["日本語", 6],
    ["e\u0301", 1],
    ["👩‍👩‍👧", 2],
    ["🇩🇪x", 3],
    ["a\u200bb", 2],
    ["Ａ", 2],
  ])("%s takes %i columns", (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  test("a wide character is not cut in half", () => {
    expect([cutToWidth("日本語", 4), cutToWidth("日本語", 6), lastOfWidth("日本語", 4), cutToWidth("x", 0)]).toEqual([
      "日…",
      "日本語",
      "…語",
      "",
    ]);
  });
});

describe("a run where nothing can be redrawn", () => {
  test("is one readable line an event, with time and agent", () => {
    const plain = painter(false);
    let tree = openTree(runOf());
    const lines = story.map((event) => {
      tree = treeAfter(tree, { kind: "event", event });
      return eventLine(tree, event, plain);
    });
    expect(lines).toEqual([
      "08:00:00 orchestrator: ● started (claude-sonnet-5-5, PERMISSION): Fix the tests",
      "08:00:01 orchestrator: · asks for delegate · 1.2k tokens · $0.0050",
      "08:00:02 orchestrator: ● starts executor",
      "08:00:03   executor: ● started (claude-haiku-5, PERMISSION): plan",
      "08:00:04   executor step 2: · asks for execute_command · 300 tokens · $0.0001",
      "08:00:05   executor step 1: · asks for read_file · 200 tokens · $0.0001",
      '08:00:06   executor step 1: ✓ read_file {"path":"a.ts"} · 12 ms',
      '08:00:07   executor step 2: ✗ execute_command {"command":"npm test"} · 2.3 s: exit 1',
      "08:00:08   executor step 2: · asks for write_file · 400 tokens · $0.0001",
      '08:00:09   executor: ⏸ write_file {"path":"a.ts"} waits for approval: it writes. powerloom approvals vote req_7 --decision approve',
    ]);
  });

  test.each([
    [
      "run_failed",
      { status: "stopped", reason: "too dear", tokens: 5, cost_micros: 10, duration_ms: 61_000 },
      "✗ stopped: too dear · 5 tokens · $0.0000 · 1 min 01 s",
    ],
    ["blocked", { tool: "write_file", rule: "read-only", reason: "no" }, "⊘ write_file was refused (read-only): no"],
    ["permission_expired", { tool: "write_file", reason: "" }, "⊘ the approval of write_file was expired"],
    ["subagent_ended", { agent: "planner", status: "failed" }, "✗ planner is failed"],
    ["told_to_cancel", {}, "· Somebody has asked to cancel it"],
    [
      "bypass",
      { tool: "write_file", rule: "mode" },
      "! write_file ran without asking: the organisation is in BYPASS mode (mode)",
    ],
    [
      "elevation_granted",
      { tool: "write_file", seconds: 300 },
      "· write_file may run again without asking for 5 min 00 s",
    ],
  ])("%s", (type, payload, expected) => {
    const [event] = eventsOf([[type, payload]]);
    if (event === undefined) throw new Error("no event");
    expect(eventLine(openTree(runOf()), event, painter(false))).toBe(`08:00:00 orchestrator: ${expected}`);
  });
});

test.each([
  [shortCount(999), "999"],
  [shortCount(12_345), "12.3k"],
  [shortCount(999_960), "1M"],
  [dollars(0), "$0.00"],
  [dollars(4_200), "$0.0042"],
  [dollars(1_500_000), "$1.50"],
  [duration(999), "999 ms"],
  [duration(59_960), "1 min 00 s"],
  [duration(3_725_000), "1 h 02 min"],
])("%s reads %s", (written, expected) => {
  expect(written).toBe(expected);
});
