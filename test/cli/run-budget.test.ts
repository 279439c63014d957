import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { budgetFrom, parseBudget } from "../../cli/run/budget.ts";

describe("a budget on the command line", () => {
  test.each([
    ["50k", { tokens: 50_000 }],
    ["50K", { tokens: 50_000 }],
    ["2M", { tokens: 2_000_000 }],
    ["1.5m", { tokens: 1_500_000 }],
    ["1.1k", { tokens: 1_100 }],
    ["1_000", { tokens: 1_000 }],
    ["200000", { tokens: 200_000 }],
    ["$0.25", { cost_usd: 0.25 }],
    ["$.5", { cost_usd: 0.5 }],
    ["$20", { cost_usd: 20 }],
    ["$1_000", { cost_usd: 1_000 }],
  ])("%s is understood", (text, budget) => {
    expect(parseBudget(text)).toEqual(budget);
  });

  test.each([
    ["lots", "50k"],
    ["50 k", "50k"],
    ["-5k", "50k"],
    ["5G", "50k"],
    ["$", "$1.50"],
    ["$1k", "$1.50"],
    ["1e6", "50k"],
    // What a shell makes of an unquoted $1.50 and $2.
    [".50", "quote dollars: '$1.50'"],
    ["", "quote dollars: '$1.50'"],
    ["1.0005k", "whole number"],
    ["0", "--budget 0"],
    ["2000M", "--budget 2000M"],
    ["$0", "--budget $0"],
    ["$200000", "--budget $200000"],
  ])("'%s' is refused, with what is valid", (text, hint) => {
    expect(() => parseBudget(text)).toThrow(hint);
  });

  test("whatever is accepted is a budget the API takes", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\$?[\d._]{0,8}[kKmM]?$/), (text) => {
        try {
          const { tokens, cost_usd: cost } = parseBudget(text);
          return tokens === undefined ? (cost ?? 0) > 0 : Number.isInteger(tokens) && tokens >= 1 && tokens <= 1e9;
        } catch {
          return true;
        }
      }),
    );
  });

  test("tokens, dollars, calls and minutes go together", () => {
    expect(budgetFrom({ budget: ["50k", "$1.50"], calls: "20", minutes: "0.5" })).toEqual({
      tokens: 50_000,
      cost_usd: 1.5,
      calls: 20,
      wall_seconds: 30,
    });
    expect(budgetFrom({})).toBeUndefined();
  });

  test.each([
    [{ budget: ["50k", "60k"] }, "says again"],
    [{ calls: "many" }, "--calls takes a whole number"],
    [{ calls: "0" }, "--calls 0"],
    [{ minutes: "soon" }, "--minutes takes a number"],
    [{ minutes: "0" }, "--minutes 0"],
  ])("%j is refused", (options, message) => {
    expect(() => budgetFrom(options)).toThrow(message);
  });
});
