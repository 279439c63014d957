import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterPause, afterReset, type BreakerState, observe, openBreaker } from "../../core/loop/breaker.ts";
import { limitsFor } from "../../core/loop/limits.ts";
import { type Observation, observationOf } from "../../core/loop/observation.ts";
import { sha256 } from "./loop-corpus.ts";

const read = (path: string, content: string): Observation =>
  observationOf("read_file", { path }, JSON.stringify({ path, content }), false, sha256);
const ran = (command: string, stdout: string, exit = 0, stderr = ""): Observation =>
  observationOf("execute_command", { command }, JSON.stringify({ exit_code: exit, stdout, stderr }), false, sha256);
const write = (content: string): Observation =>
  observationOf("write_file", { path: "a", content }, '{"path":"a","bytes":9,"created":false}', false, sha256);
const times = <T>(count: number, one: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => one(i));

function follow(calls: readonly Observation[], n = 3, from: BreakerState = openBreaker()) {
  let state = from;
  const said = calls.map((observation) => {
    const seen = observe(state, observation, limitsFor(n));
    state = seen.state;
    return seen.verdict.kind === "loop" ? `${seen.verdict.level}:${seen.verdict.pattern}` : "";
  });
  return { state, said, levels: said.flatMap((one, index) => (one === "" ? [] : [`${index} ${one}`])) };
}

const same = read("a", "one");

describe("the ladder", () => {
  test.each([
    [2, ["1 warn:repeat", "2 replan:repeat", "3 pause:repeat", "4 stop:repeat"]],
    [3, ["2 warn:repeat", "5 replan:repeat", "8 pause:repeat", "11 stop:repeat"]],
    [5, ["4 warn:repeat", "9 replan:repeat", "14 pause:repeat", "19 stop:repeat"]],
  ])("of circuit_breaker_%i", (n, levels) => {
    expect(
      follow(
        times(20, () => same),
        n,
      ).levels.slice(0, 4),
    ).toEqual(levels);
  });

  test("a single different call in a loop does not bring it down", () => {
    const calls = [same, same, same, read("b", "two"), ...times(5, () => same)];
    expect(follow(calls).levels).toEqual(["2 warn:repeat", "8 replan:repeat"]);
  });

  test("three calls that bring something new do", () => {
    const work = times(3, (index) => read(`b${index}`, `text ${index}`));
    expect(follow([same, same, same, ...work, same, same, same]).levels).toEqual(["2 warn:repeat", "8 warn:repeat"]);
  });

  test("goes on where it was after the context was reset, and looking again at what was seen is no fault", () => {
    const files = times(9, (index) => read(`b${index}`, `text ${index}`));
    const warned = follow([...files, same, same, same]);
    const again = follow([...files, same], 3, afterReset(warned.state));
    expect(again.levels).toEqual([]);
    expect(follow([same, same], 3, again.state).levels).toEqual(["1 replan:repeat"]);
  });

  test("reaches the next level at once when a person let it go on and it loops again", () => {
    const paused = follow(times(9, () => same));
    const state = afterPause(paused.state);
    expect(follow([same, same, same], 3, state).levels).toEqual(["2 stop:repeat"]);
  });

  test("a person's go-ahead and new work begin anew", () => {
    const paused = follow(times(9, () => same));
    const work = times(3, (index) => read(`b${index}`, `text ${index}`));
    expect(follow([...work, same, same, same], 3, afterPause(paused.state)).levels).toEqual(["5 warn:repeat"]);
  });
});

describe("the patterns", () => {
  test.each([2, 3, 4, 5, 6])("a cycle of %i calls when its third round begins", (period) => {
    const round = times(period, (index) => read(`f${index}`, `text ${index}`));
    const { levels } = follow([...round, ...round, ...round]);
    expect(levels[0]).toBe(`${2 * period} warn:cycle`);
  });

  test("one full answer to ever other questions, the fifth time", () => {
    const hits = JSON.stringify({ tools: [{ name: "shop__refund_order", summary: "Refund an order" }] });
    const calls = times(6, (index) => observationOf("search_tools", { query: `refund ${index}` }, hits, false, sha256));
    expect(follow(calls).levels).toEqual(["4 warn:no_progress"]);
  });

  test("one failure that comes back whatever is edited, the sixth time", () => {
    const calls = times(6, (index) => [
      write(`attempt ${index}`),
      ran("npm test", "not ok - rounds half up", 1),
    ]).flat();
    expect(follow(calls).levels).toEqual(["11 warn:no_progress"]);
  });

  test("different commands that all fail for one cause, the sixth time", () => {
    const calls = times(7, (index) => ran(`npm run step${index}`, "", 1, `step${index}: No space left on device`));
    expect(follow(calls).levels).toEqual(["5 warn:no_progress"]);
  });

  test("a poller that stands still, after twenty answers, or fifteen with waits in between", () => {
    const poll = observationOf("exports__get", { id: 7 }, '{"id":7,"state":"running","rows":5}', false, sha256);
    const wait = (index: number) => observationOf("clock__wait", { seconds: 10 + index }, "{}", false, sha256);
    expect(follow(times(29, () => poll)).levels).toEqual(["19 warn:stalled_poll"]);
    expect(follow(times(15, (index) => [wait(index), poll]).flat()).levels).toEqual(["29 warn:stalled_poll"]);
  });
});

describe("what is none", () => {
  test.each<[string, Observation[]]>([
    ["acts that are each acknowledged in the same words", times(30, (index) => ran(`touch f${index}`, ""))],
    [
      "questions with the same short answer",
      times(30, (i) => observationOf("shop__get_stock", { sku: `s${i}` }, `{"sku":"s${i}","stock":3}`, false, sha256)),
    ],
    ["checks of many addresses", times(30, (index) => ran(`curl -so- https://shop.example/${index}`, "200"))],
    ["pages that differ in their times only", times(30, (index) => read("a.log", `10:00:${10 + index} beat`))],
    [
      "a status that moves",
      times(30, (i) => observationOf("job__get", { id: 1 }, `{"state":"running","percent":${i}}`, false, sha256)),
    ],
    ["an approval that takes its time", times(15, () => observationOf("a", {}, "permission is pending", true, sha256))],
    ["edits with ever other failures", times(20, (i) => (i % 2 ? write(`${i}`) : ran("npm test", `not ok - ${i}`, 1)))],
  ])("%s", (_, calls) => {
    expect(follow(calls).levels).toEqual([]);
  });
});

const anyArgs = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue()),
  fc.record({ command: fc.string() }),
  fc.constantFrom<Record<string, unknown>>({ path: "a" }, { path: "b" }, {}),
);
const anyText = fc.oneof(
  fc.string(),
  fc.json(),
  fc.constantFrom("", "[]", '{"state":"queued"}', '{"exit_code":1,"stdout":"","stderr":"ENOSPC"}', "not found: `x`"),
);
const anyCall = fc
  .tuple(
    fc.oneof(fc.string(), fc.constantFrom("read_file", "execute_command", "clock__wait")),
    anyArgs,
    anyText,
    fc.boolean(),
  )
  .map(([tool, args, text, error]) => observationOf(tool, args, text, error, sha256));
/** Few different calls, so that every pattern comes about. */
const anyRun = fc
  .array(anyCall, { minLength: 1, maxLength: 5 })
  .chain((calls) => fc.array(fc.constantFrom(...calls), { minLength: 1, maxLength: 200 }));
const anyLimit = fc.integer({ min: 2, max: 20 });

test("an observation is small, whatever it is of", () => {
  fc.assert(
    fc.property(anyCall, (observation) => {
      for (const value of Object.values(observation)) {
        if (typeof value === "string") expect(value.length).toBeLessThanOrEqual(64);
        else expect(value === null || typeof value === "boolean").toBe(true);
      }
    }),
  );
});

test("the state survives JSON at any moment, says the same again and stays small", () => {
  fc.assert(
    fc.property(anyRun, anyLimit, fc.nat(), (calls, n, cut) => {
      const whole = follow(calls, n);
      const half = follow(calls.slice(0, cut % calls.length), n);
      const carried: BreakerState = JSON.parse(JSON.stringify(half.state));
      const rest = follow(calls.slice(cut % calls.length), n, carried);
      expect([...half.said, ...rest.said]).toEqual(whole.said);
      expect(rest.state).toEqual(whole.state);
    }),
    { numRuns: 50 },
  );
});

test("the state has a bound that the length of the run does not move", () => {
  const calls = times(3000, (index) =>
    index % 3 === 0 ? ran(`make part${index % 40}`, `failed ${index}`, 2) : read(`f${index}`, `text ${index}`),
  );
  const reset = afterReset(follow(calls).state);
  const { state } = follow(calls, 3, reset);
  expect(JSON.stringify(state).length).toBeLessThan(30_000);
});

test("nothing healthy or unhealthy makes it change the state it was given", () => {
  fc.assert(
    fc.property(anyRun, (calls) => {
      const { state } = follow(calls);
      const before = JSON.stringify(state);
      follow(calls, 3, state);
      afterReset(state);
      afterPause(state);
      expect(JSON.stringify(state)).toBe(before);
    }),
    { numRuns: 30 },
  );
});
