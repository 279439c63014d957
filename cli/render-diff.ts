import { isDeepStrictEqual } from "node:util";
import type { Paint } from "./paint.ts";
import { printable } from "./printable.ts";

export interface Diff {
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  summary: string;
}

/** Whether a value is a change as the server computed it. */
export function isDiff(value: unknown): value is Diff {
  if (typeof value !== "object" || value === null) return false;
  return "before" in value && "after" in value && "summary" in value && typeof value.summary === "string";
}

/** The server's summary and what would change: `-` before, `+` after. Unchanged fields are left out. */
export function renderDiff({ before, after, summary }: Diff, paint: Paint): string[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const changed = names.filter((name) => !isDeepStrictEqual(before?.[name], after?.[name]));
  return [
    paint("bold", printable(summary)),
    ...changed.flatMap((name) => [
      ...side("-", name, before?.[name]).map((line) => paint("red", line)),
      ...side("+", name, after?.[name]).map((line) => paint("green", line)),
    ]),
  ];
}

// In full: somebody votes on what stands here.
function side(sign: string, name: string, value: unknown): string[] {
  if (value === undefined) return [];
  const [first = "", ...rest] = printable(typeof value === "string" ? value : JSON.stringify(value)).split("\n");
  return [`  ${sign} ${printable(name)}: ${first}`, ...rest.map((line) => `  ${sign}   ${line}`)];
}
