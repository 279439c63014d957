import { parseArgs } from "node:util";

export interface GrowthOptions {
  json: boolean;
  /** How many times as much there is, one after the other. */
  factors: number[];
  /** How often each read is asked at each factor. */
  samples: number;
  /** Real approvals that wait, at the last factor; none: not measured. */
  waiting: number;
  /** Open streams of sessions, at the last factor. */
  streams: number;
  /** Minutes of half load at the end. */
  soak: number;
}

/** Reads the command line; a wrong one ends with a sentence. */
export function readGrowthOptions(args: readonly string[]): GrowthOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      factor: { type: "string", default: "1,10,100" },
      samples: { type: "string", default: "40" },
      waiting: { type: "string", default: "1000" },
      streams: { type: "string", default: "1000" },
      soak: { type: "string", default: "0" },
    },
  });
  const factors = values.factor.split(",").map(Number);
  const rising = factors.every((factor, index) => index === 0 || factor > (factors[index - 1] ?? 0));
  if (!factors.every((factor) => Number.isInteger(factor) && factor >= 1 && factor <= 100) || !rising)
    throw new Error("--factor takes rising whole numbers from 1 to 100, such as 1,10,100");
  return {
    json: values.json,
    factors,
    samples: within("samples", values.samples, 5, 1_000),
    waiting: within("waiting", values.waiting, 0, 10_000),
    streams: within("streams", values.streams, 0, 5_000),
    soak: within("soak", values.soak, 0, 24 * 60),
  };
}

function within(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`--${name} takes a whole number from ${least} to ${most}`);
  return value;
}
