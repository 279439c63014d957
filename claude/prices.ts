import { readFileSync } from "node:fs";
import { z } from "zod";

const rate = z.number().nonnegative();
const tierSchema = z.strictObject({
  /** Largest prompt of the tier, in tokens; null: no limit. */
  up_to: z.int().positive().nullable(),
  input: rate,
  output: rate,
  write_5m: rate.nullable(),
  write_1h: rate.nullable(),
  read: rate.nullable(),
});
const tableSchema = z.strictObject({
  currency: z.literal("USD"),
  unit: z.literal("per million tokens"),
  models: z.array(
    z.strictObject({
      model: z.string(),
      /** First day of the price, as far as known. */
      from: z.iso.date(),
      source: z.string(),
      tiers: z.array(tierSchema).min(1).nullable(),
    }),
  ),
});

type Entry = z.output<typeof tableSchema>["models"][number];
type Tier = z.output<typeof tierSchema>;

/** All rates of a tier in USD millionths per million tokens. */
interface Rates {
  upTo: number;
  input: number;
  output: number;
  write5m: number;
  write1h: number;
  read: number;
}

/** The token counts of an answer, as the Messages API reports them. `input_tokens` is what no cache had to do with. */
export interface BilledUsage {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation?: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number } | null;
}

export interface Cost {
  /** USD millionths, rounded up. */
  costMicros: number;
  /** False when a price that counted is not known: then the cost is an assumption on the dear side. */
  priced: boolean;
  /** The day the price is from; null for a model that is not in the table. */
  priceDate: string | null;
}

const { models: table } = tableSchema.parse(
  JSON.parse(readFileSync(new URL("./prices.json", import.meta.url), "utf8")),
);

// What caching costs in proportion to input wherever both are known; stands in for a cache price that is not.
const usual = { write5m: 1.25, write1h: 2, read: 0.1 } as const;
const micros = (dollars: number): number => Math.ceil(Math.round(dollars * 1e9) / 1e3);

function ratesOf({ up_to, input, output, write_5m, write_1h, read }: Tier): Rates {
  return {
    upTo: up_to ?? Number.POSITIVE_INFINITY,
    input: micros(input),
    output: micros(output),
    write5m: micros(write_5m ?? input * usual.write5m),
    write1h: micros(write_1h ?? input * usual.write1h),
    read: micros(read ?? input * usual.read),
  };
}

/** The dearest of several rates, kind by kind. */
function dearest(all: readonly Rates[]): Rates {
  const most = (kind: keyof Rates) => Math.max(...all.map((rates) => rates[kind]));
  return {
    upTo: most("upTo"),
    input: most("input"),
    output: most("output"),
    write5m: most("write5m"),
    write1h: most("write1h"),
    read: most("read"),
  };
}

const dearestOfAll = dearest(table.flatMap(({ tiers }) => tiers ?? []).map(ratesOf));

/** The entries of a model, oldest first. An id with a date at its end has the price of the id without. */
function entriesOf(model: string): Entry[] {
  const undated = model.replace(/-\d{8}$/, "");
  return table.filter((entry) => entry.model === undated).toSorted((a, b) => a.from.localeCompare(b.from));
}

/**
 * What an answer costs at list prices, in USD millionths. Surcharges (data residency, fast mode, server tools) are not in
 * it: Powerloom asks for none of them.
 * @param at decides between prices of different dates; before the first known price, that one counts
 */
export function costOf(model: string, usage: BilledUsage, at: Date): Cost {
  const entries = entriesOf(model);
  const day = at.toISOString().slice(0, 10);
  const entry = entries.findLast(({ from }) => from <= day) ?? entries[0];
  const created = usage.cache_creation_input_tokens ?? 0;
  const hour = usage.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  const five = usage.cache_creation?.ephemeral_5m_input_tokens ?? 0;
  const tokens = {
    input: usage.input_tokens,
    output: usage.output_tokens,
    write5m: five,
    // What was written without saying for how long was written for as long as can be.
    write1h: hour + Math.max(0, created - hour - five),
    read: usage.cache_read_input_tokens ?? 0,
  };
  const prompt = tokens.input + tokens.write5m + tokens.write1h + tokens.read;
  const tier = entry?.tiers?.find(({ up_to }) => up_to === null || prompt <= up_to);
  const rates = tier === undefined ? dearestOfAll : ratesOf(tier);
  const known =
    tier !== undefined &&
    (tokens.write5m === 0 || tier.write_5m !== null) &&
    (tokens.write1h === 0 || tier.write_1h !== null) &&
    (tokens.read === 0 || tier.read !== null);
  const kinds = ["input", "output", "write5m", "write1h", "read"] as const;
  return {
    costMicros: Math.ceil(kinds.reduce((sum, kind) => sum + tokens[kind] * rates[kind], 0) / 1_000_000),
    priced: known,
    priceDate: entry?.from ?? null,
  };
}

/**
 * The dearest rates of a model whatever its prompt and caches, in USD millionths per million tokens. `input` is the
 * dearest way to send a token, which is writing it to a cache.
 */
export function worstRates(model: string): { input: number; output: number } {
  return worst(model, Number.POSITIVE_INFINITY);
}

/** An upper bound, in USD millionths, of what a call costs that sends and is answered at most so many tokens. */
export function worstCost(model: string, inputTokens: number, maxOutputTokens: number): number {
  const { input, output } = worst(model, inputTokens);
  return Math.ceil((inputTokens * input + maxOutputTokens * output) / 1_000_000);
}

// A prompt of at most that many tokens can be in any tier up to the one it fills.
function worst(model: string, inputTokens: number): { input: number; output: number } {
  const reachable = entriesOf(model).flatMap(({ tiers }) => {
    if (tiers === null) return [dearestOfAll];
    const last = tiers.findIndex(({ up_to }) => up_to === null || inputTokens <= up_to);
    return tiers.slice(0, last < 0 ? undefined : last + 1).map(ratesOf);
  });
  const { input, write5m, write1h, read, output } = reachable.length === 0 ? dearestOfAll : dearest(reachable);
  return { input: Math.max(input, write5m, write1h, read), output };
}
