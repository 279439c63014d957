import { parseArgs } from "node:util";
import { type Part, partNames } from "./stage.ts";

/** Faults besides kills, as `--only` names them. */
const faultNames = [
  ...partNames.map((part) => `kill-${part}` as const),
  "freeze",
  "provider",
  "drift",
  "database",
  "signals",
  "clock",
  "clock-postgres",
  "disk",
] as const;
export type FaultName = (typeof faultNames)[number];

export interface ChaosOptions {
  seed: number;
  /** How long the attack lasts, seconds; it ends earlier when `kills` is reached. */
  seconds: number;
  kills: number;
  /** Waits between two kills, drawn from here to there, milliseconds. */
  everyMs: [number, number];
  faults: FaultName[];
  /** Where the summary is written as JSON. */
  json: string | undefined;
  /** Summaries to be added up, instead of a run. */
  sum: string[];
  /** Keep logs and data. */
  keep: boolean;
}

/** Reads the command line; a wrong one ends with a sentence. */
export function readOptions(args: readonly string[], randomSeed: () => number): ChaosOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      minutes: { type: "string", default: "3" },
      kills: { type: "string" },
      every: { type: "string", default: "3" },
      only: { type: "string", default: "" },
      json: { type: "string" },
      sum: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  if (positionals.length > 0 && !values.sum)
    throw new Error(`${positionals.join(" ")}: only --sum takes files; see docs/chaos.md`);
  const seed = values.seed === undefined ? randomSeed() : whole("--seed", values.seed, 0, 2 ** 32 - 1);
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error("--minutes must be a number above 0, at most 1440");
  const every = Number(values.every);
  if (!(every >= 0.5 && every <= 600)) throw new Error("--every must be a number of seconds from 0.5 to 600");
  const only = values.only.split(",").filter((name) => name !== "");
  const chosen = faultNames.filter(
    (name) => only.length === 0 || only.some((one) => name === one || name.startsWith(`${one}-`)),
  );
  const unknown = only.filter((one) => !faultNames.some((name) => name === one || name.startsWith(`${one}-`)));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(",")}: the faults are kill, ${faultNames.join(", ")}`);
  return {
    seed,
    seconds: minutes * 60,
    kills: values.kills === undefined ? Number.POSITIVE_INFINITY : whole("--kills", values.kills, 0, 100_000),
    everyMs: [every * 500, every * 1_500],
    faults: chosen,
    json: values.json,
    sum: values.sum ? positionals : [],
    keep: values.keep,
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > most)
    throw new Error(`${name} must be a whole number from ${least} to ${most}`);
  return number;
}

/** The parts that may be killed. */
export function partsOf(faults: readonly FaultName[]): Part[] {
  return partNames.filter((part) => faults.includes(`kill-${part}`));
}
