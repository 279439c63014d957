import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inWords } from "../../../console/parts/in-words.ts";
import { textSearch } from "../../../console/parts/search-params.ts";
import { localPath } from "../../../console/wire/local-path.ts";
import { isAtOrBelow } from "../../../console/wire/ou-path.ts";
import { createRefresher } from "../../../console/wire/refresher.ts";

test.each([
  [0, "just now"],
  [-4, "just now"],
  [8, "just now"],
  [-59, "59 sec. ago"],
  [-100, "2 min. ago"],
  [3 * 3600, "in 3 hr."],
  [-26 * 3600, "yesterday"],
  [7 * 24 * 3600, "in 7 days"],
  [-400 * 24 * 3600, "last yr."],
])("%i seconds from now are %s", (seconds, words) => {
  const now = new Date("2026-03-04T05:06:07Z");
  expect(inWords(new Date(now.getTime() + seconds * 1_000), now)).toBe(words);
});

test.each([
  ["/approvals?tab=mine", "/approvals?tab=mine"],
  ["https://elsewhere.example/", "/"],
  ["//elsewhere.example/", "/"],
  ["/\\elsewhere.example", "/"],
  ["/a\\b", "/"],
  ["/a\nb", "/"],
  ["javascript:alert(1)", "/"],
  ["", "/"],
  [undefined, "/"],
  [["/a"], "/"],
])("after signing in %j leads to %s", (given, path) => {
  expect(localPath(given)).toBe(path);
});

test("a page's address gives the parameters it knows, as text, and no others", () => {
  expect(textSearch("q", "ou", "limit")({ q: 7, ou: "", limit: true, other: "x" })).toEqual({ q: "7", limit: "true" });
});

test("an OU is at or below itself and those above, not below those whose names begin alike", () => {
  expect(isAtOrBelow("/acme/sales", "/acme/sales")).toBe(true);
  expect(isAtOrBelow("/acme/sales/emea", "/acme/sales")).toBe(true);
  expect(isAtOrBelow("/acme/sales-ops", "/acme/sales")).toBe(false);
  expect(isAtOrBelow("/acme", "/acme/sales")).toBe(false);
});

describe("what events touch is asked for again", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test("soon after the first, then at most once a second however many come, and nothing is forgotten", () => {
    const asked: string[][] = [];
    const refresher = createRefresher((roots) => asked.push([...roots].sort()));
    refresher.touch("approval.requested");
    refresher.touch("approval.decided");
    vi.advanceTimersByTime(100);
    expect(asked).toEqual([["/approvals", "/audit", "/requests"]]);
    for (let ms = 0; ms < 3_000; ms++) {
      refresher.touch(ms % 2 === 0 ? "run.status" : "session.status");
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(1_000);
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(asked.length).toBeLessThanOrEqual(5);
    expect(asked.at(-1)).toEqual(["/budgets", "/elevations", "/runs", "/sessions"]);
  });

  test("of events nobody shows nothing is asked", () => {
    const asked: unknown[] = [];
    const refresher = createRefresher((roots) => asked.push(roots));
    refresher.touch("something.else");
    refresher.touch("");
    vi.advanceTimersByTime(10_000);
    expect(asked).toEqual([]);
  });
});
