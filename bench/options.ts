import { parseArgs } from "node:util";

export interface BenchOptions {
  json: boolean;
  /** Multiplies the number of measurements: 0.2 for a quick look, 3 for calmer figures. */
  scale: number;
  /** Only the measurements whose name contains this. */
  only: string;
}

/** Reads the command line; a wrong one ends with a sentence. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      scale: { type: "string", default: "1" },
      only: { type: "string", default: "" },
    },
  });
  const scale = Number(values.scale);
  if (!(scale > 0 && scale <= 100)) throw new Error("--scale must be a number above 0, at most 100");
  return { json: values.json, scale, only: values.only };
}
