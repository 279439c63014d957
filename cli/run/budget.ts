import type { z } from "zod";
import { runBudget } from "../../contracts/runs.ts";
import { usageFailure } from "../failure.ts";

export type RunBudget = z.infer<typeof runBudget>;

const factors: Readonly<Record<string, number>> = { "": 1, k: 1_000, m: 1_000_000 };
const forms = "tokens (50k, 1.5M, 200_000) or dollars ('$1.50', in single quotes)";

/**
 * What one `--budget` says: tokens, or US dollars with a `$` before them.
 * @throws CliFailure (wrong usage) that names what is valid
 */
export function parseBudget(text: string): Pick<RunBudget, "tokens" | "cost_usd"> {
  const dollars = /^\$(\d[\d_]*(?:\.\d+)?|\.\d+)$/.exec(text)?.[1];
  if (dollars !== undefined) return checked({ cost_usd: Number(dollars.replaceAll("_", "")) }, text);
  const [, number, unit = ""] = /^(\d[\d_]*(?:\.\d+)?)([kKmM]?)$/.exec(text) ?? [];
  // An unquoted $1.50 reaches us as .50, and $2 as nothing: the shell has put its parameters there.
  if (number === undefined && (text === "" || /^\.\d+$/.test(text)))
    throw usageFailure(`--budget was given '${text}'; the shell takes $1 for its own, so quote dollars: '$1.50'`);
  if (number === undefined) throw usageFailure(`--budget takes ${forms}, not '${text}'`);
  // A product of decimals is rarely whole: 1.1 × 1000 is not 1100.
  const exact = Number(number.replaceAll("_", "")) * (factors[unit.toLowerCase()] ?? 1);
  const tokens = Math.round(exact);
  if (Math.abs(exact - tokens) > 1e-6) throw usageFailure(`--budget ${text} is not a whole number of tokens`);
  return checked({ tokens }, text);
}

/**
 * The budget of a run from the options that say something about it; undefined: none does, the API's default holds.
 * @throws CliFailure (wrong usage) when two options say the same thing, or one is out of bounds
 */
export function budgetFrom(options: { budget?: string[]; calls?: string; minutes?: string }): RunBudget | undefined {
  const budget: RunBudget = {};
  for (const text of options.budget ?? []) {
    const part = parseBudget(text);
    if (Object.keys(part).some((unit) => unit in budget))
      throw usageFailure(`--budget ${text} says again what another --budget has said`);
    Object.assign(budget, part);
  }
  if (options.calls !== undefined) {
    if (!/^\d+$/.test(options.calls)) throw usageFailure(`--calls takes a whole number, not '${options.calls}'`);
    Object.assign(budget, checked({ calls: Number(options.calls) }, options.calls, "--calls"));
  }
  if (options.minutes !== undefined) {
    if (!/^\d+(\.\d+)?$/.test(options.minutes))
      throw usageFailure(`--minutes takes a number, such as 10 or 0.5, not '${options.minutes}'`);
    const seconds = Math.round(Number(options.minutes) * 60);
    Object.assign(budget, checked({ wall_seconds: seconds }, options.minutes, "--minutes"));
  }
  return Object.keys(budget).length === 0 ? undefined : budget;
}

function checked<Part extends RunBudget>(part: Part, text: string, option = "--budget"): Part {
  const read = runBudget.safeParse(part);
  if (read.success) return part;
  const why = read.error.issues[0]?.message ?? "it is out of bounds";
  throw usageFailure(`${option} ${text} cannot be: ${why}`);
}
