import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterFault,
  type Circuit,
  choose,
  type EndpointFault,
  type Judgement,
  judge,
  whileAsked,
} from "../../core/runs/endpoints.ts";

const definite = (status: number | undefined, retryAfterMs?: number): EndpointFault => ({
  kind: "definite",
  retryable: status === undefined || status === 408 || status === 409 || status === 429 || status >= 500,
  ...(status === undefined ? {} : { status }),
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const rest = (restMs: number, barred = false): Judgement["circuit"] => ({ restMs, barred });

describe("a fault of an endpoint", () => {
  test.each<[string, EndpointFault, Judgement, Judgement?]>([
    ["that cannot be reached: the next is asked", definite(undefined), { go: "next", circuit: rest(30_000) }],
    ["with 500: the next", definite(500), { go: "next", circuit: rest(30_000) }],
    ["with 503: the next", definite(503), { go: "next", circuit: rest(30_000) }],
    ["that is overloaded: the next", definite(529), { go: "next", circuit: rest(30_000) }],
    ["that says when it will be back", definite(529, 90_000), { go: "next", circuit: rest(90_000, true) }],
    ["that says so for days: an hour at most", definite(503, 9e8), { go: "next", circuit: rest(3_600_000, true) }],
    ["with a rate limit that soon ends: it is waited for", definite(429, 10_000), { go: "stop", circuit: "well" }],
    ["with one that does not", definite(429, 10_001), { go: "next", circuit: rest(30_000, true) }],
    ["with one that does not say", definite(429), { go: "next", circuit: rest(30_000) }],
    ["with 408: this call is repeated there", definite(408), { go: "stop", circuit: "well" }],
    ["with 409: this call is repeated there", definite(409), { go: "stop", circuit: "well" }],
    [
      "with 400: the request is wrong everywhere",
      definite(400),
      { go: "stop", circuit: "well" },
      { go: "later", circuit: "well" },
    ],
    ["with 413", definite(413), { go: "stop", circuit: "well" }, { go: "later", circuit: "well" }],
    ["with 422", definite(422), { go: "stop", circuit: "well" }, { go: "later", circuit: "well" }],
    ...[401, 403, 404].map((status): [string, EndpointFault, Judgement, Judgement] => [
      `with ${status}: of a fallback it is a wrong setting`,
      definite(status),
      { go: "stop", circuit: "well" },
      { go: "next", circuit: rest(300_000, true) },
    ]),
    ["that was abandoned by us says nothing of it", { kind: "aborted" }, { go: "stop", circuit: "as-it-was" }],
    [
      "whose answer broke off is never sent elsewhere",
      { kind: "unknown", began: true },
      { go: "stop", circuit: "as-it-was" },
    ],
    [
      "that gave no answer at all is not either, but the repetition will be",
      { kind: "unknown", began: false },
      { go: "stop", circuit: rest(30_000) },
    ],
  ])("%s", (_, fault, first, fallback = first) => {
    expect(judge(fault, "first")).toEqual(first);
    expect(judge(fault, "fallback")).toEqual(fallback);
  });
});

describe("who is asked", () => {
  const open = (until: number, barred = false): Circuit => ({ until, barred });
  test.each<[string, Circuit[], ReturnType<typeof choose>]>([
    ["an only one, however it is", [open(500, true)], { ask: [0] }],
    ["all in their order", [null, null, null], { ask: [0, 1, 2] }],
    ["not one that rests", [open(200), null, open(101)], { ask: [1] }],
    ["one again whose rest is over", [open(100), null], { ask: [0, 1] }],
    ["of none that is well, the one that is soonest", [open(300), open(200)], { ask: [1] }],
    ["of these, none that said itself when to come back", [open(300), open(200, true)], { ask: [0] }],
    ["nobody, when all have", [open(300, true), open(250, true)], { waitMs: 150 }],
  ])("%s", (_, circuits, expected) => {
    expect(choose(circuits, 100)).toEqual(expected);
  });

  test("an endpoint that failed is left alone for 30 s, then one call tries it, and a success makes it well", () => {
    const failed = afterFault(null, judge(definite(500), "first"), 1_000);
    expect(choose([failed, null], 30_999)).toEqual({ ask: [1] });
    expect(choose([failed, null], 31_000)).toEqual({ ask: [0, 1] });
    const tried = whileAsked(failed, 31_000);
    expect(choose([tried, null], 31_001)).toEqual({ ask: [1] });
    expect(afterFault(tried, judge(definite(529), "first"), 32_000)).toEqual(open(62_000));
    expect(afterFault(tried, judge(definite(400), "first"), 32_000)).toBeNull();
    expect(afterFault(tried, judge({ kind: "aborted" }, "first"), 32_000)).toEqual(tried);
    expect(whileAsked(null, 31_000)).toBeNull();
  });

  test("somebody is asked, or there is a time to wait: none rests for ever", () => {
    const circuit = fc.option(fc.record({ until: fc.integer({ min: 0, max: 10_000 }), barred: fc.boolean() }));
    fc.assert(
      fc.property(
        fc.array(circuit, { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 0, max: 10_000 }),
        (all, now) => {
          const choice = choose(all, now);
          if ("waitMs" in choice) return choice.waitMs > 0 && "ask" in choose(all, now + choice.waitMs);
          const { ask } = choice;
          return ask.length > 0 && ask.every((place, index) => place < all.length && place > (ask[index - 1] ?? -1));
        },
      ),
    );
  });
});
