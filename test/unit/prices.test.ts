import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BilledUsage, costOf, worstCost, worstRates } from "../../claude/prices.ts";

const at = new Date("2026-11-20T12:00:00Z");
const million = 1_000_000;
const usage = (more: Partial<BilledUsage>): BilledUsage => ({ input_tokens: 0, output_tokens: 0, ...more });

describe("what an answer costs", () => {
  test.each<[string, string, Partial<BilledUsage>, number, boolean]>([
    ["input", "claude-opus-5-5", { input_tokens: million }, 4_000_000, true],
    ["output", "claude-opus-5-5", { output_tokens: million }, 20_000_000, true],
    ["reads from a cache", "claude-opus-5-5", { cache_read_input_tokens: million }, 200_000, true],
    [
      "writes to a cache, by how long they are kept",
      "claude-opus-5-5",
      {
        cache_creation_input_tokens: 2 * million,
        cache_creation: { ephemeral_5m_input_tokens: million, ephemeral_1h_input_tokens: million },
      },
      13_000_000,
      true,
    ],
    [
      "writes of unknown length, as the longest",
      "claude-opus-5-5",
      { cache_creation_input_tokens: million },
      8_000_000,
      true,
    ],
    ["a single token, rounded up", "claude-haiku-5-5", { input_tokens: 1 }, 1, true],
    ["nothing", "claude-haiku-5-5", {}, 0, true],
    ["a prompt at the end of its tier", "claude-haiku-5-5", { input_tokens: 100_000 }, 10_000, true],
    ["a prompt in the next tier", "claude-haiku-5-5", { input_tokens: 100_001 }, 50_001, true],
    ["a dated id", "claude-haiku-4-5-20251001", { input_tokens: million }, 1_000_000, true],
    ["an id that only begins like a known one", "claude-opus-5-50", { input_tokens: million }, 10_000_000, false],
    ["a model without a known price", "claude-fable-5-2", { output_tokens: million }, 50_000_000, false],
    ["a model nobody knows", "mind-test", { output_tokens: million }, 50_000_000, false],
    ["a cache price that is not known", "claude-fable-5-1", { cache_read_input_tokens: million }, 1_000_000, false],
    ["known prices beside an unknown one", "claude-fable-5-1", { input_tokens: million }, 10_000_000, true],
  ])("%s", (_, model, more, costMicros, priced) => {
    expect(costOf(model, usage(more), at)).toMatchObject({ costMicros, priced });
  });

  test("comes with the date of the price", () => {
    expect(costOf("claude-opus-5-5", usage({}), at).priceDate).toBe("2026-09-22");
    expect(costOf("claude-opus-5-5", usage({}), new Date("2020-01-01")).priceDate).toBe("2026-09-22");
    expect(costOf("unheard-of", usage({}), at).priceDate).toBeNull();
  });
});

const models = fc.constantFrom(
  "claude-haiku-5-5",
  "claude-opus-5-5",
  "claude-sonnet-4-5-20250929",
  "claude-fable-5-1",
  "claude-fable-5-2",
  "mind-any",
);
const tokens = fc.nat({ max: 250_000 });
const usages = fc.record({
  input_tokens: tokens,
  output_tokens: tokens,
  cache_read_input_tokens: tokens,
  five: tokens,
  hour: tokens,
  unsaid: tokens,
  detailed: fc.boolean(),
});

describe("the worst a call can cost", () => {
  test("is never less than what it does cost, however its tokens are billed", () => {
    fc.assert(
      fc.property(models, usages, tokens, (model, { five, hour, unsaid, detailed, ...rest }, room) => {
        const created = five + hour + unsaid;
        const billed: BilledUsage = {
          ...rest,
          cache_creation_input_tokens: created,
          cache_creation: detailed ? { ephemeral_5m_input_tokens: five, ephemeral_1h_input_tokens: hour } : null,
        };
        const prompt = rest.input_tokens + created + rest.cache_read_input_tokens;
        const cost = costOf(model, billed, at).costMicros;
        expect(worstCost(model, prompt + room, rest.output_tokens + room)).toBeGreaterThanOrEqual(cost);
        const rates = worstRates(model);
        expect(Math.ceil((prompt * rates.input + rest.output_tokens * rates.output) / million)).toBeGreaterThanOrEqual(
          cost,
        );
      }),
    );
  });

  test.each([
    ["claude-opus-5-5", { input: 8_000_000, output: 20_000_000 }],
    ["claude-haiku-5-5", { input: 1_000_000, output: 2_500_000 }],
    ["claude-fable-5-2", { input: 20_000_000, output: 50_000_000 }],
    ["mind-any", { input: 20_000_000, output: 50_000_000 }],
  ])("rates of %s are those of its dearest tier, writing to a cache", (model, rates) => {
    expect(worstRates(model)).toEqual(rates);
  });

  test("a small prompt is not priced as a large one", () => {
    expect(worstCost("claude-haiku-5-5", 100_000, 0)).toBe(20_000);
    expect(worstCost("claude-haiku-5-5", 100_001, 0)).toBe(100_001);
  });
});
