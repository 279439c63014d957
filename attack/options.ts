import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

interface AttackOptions {
  /** Only these parts; all when empty. */
  only: string[];
  seed: number;
  /** Rounds of every part; each has its own number when not given. */
  rounds: number | undefined;
}

/** Reads the command line; a wrong one ends with a sentence. */
export function readOptions(args: readonly string[], names: readonly string[]): AttackOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: "string", default: "" }, seed: { type: "string" }, rounds: { type: "string" } },
  });
  const only = values.only.split(",").filter((name) => name !== "");
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(",")}: the parts are ${names.join(", ")}`);
  const whole = (name: string, text: string | undefined, most: number) => {
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new Error(`--${name} must be a whole number from 1 to ${most}`);
    return value;
  };
  return {
    only,
    seed: whole("seed", values.seed, 2 ** 31) ?? randomInt(1, 2 ** 31),
    rounds: whole("rounds", values.rounds, 1_000_000),
  };
}
