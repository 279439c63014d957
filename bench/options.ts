import { parseArgs } from "node:util";

export interface BenchOptions {
  json: boolean;
  /** Multiplies the number of measurements: 0.2 for a quick look, 3 for calmer figures. */
  scale: number;
  /** Only these measurements; all when empty. */
  only: string[];
}

/** Reads the command line; a wrong one ends with a sentence. */
export function readOptions(args: readonly string[], names: readonly string[]): BenchOptions {
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
  const only = values.only.split(",").filter((name) => name !== "");
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(",")}: the measurements are ${names.join(", ")}`);
  return { json: values.json, scale, only };
}
