import { coerced } from "./json/coerce.ts";
import { compiled, type Validator } from "./json/compiled.ts";
import { type Extraction, extractions } from "./json/extract.ts";
import { type Fault, toFaults } from "./json/fault.ts";
import type { JsonSchema, ToolSpec } from "./spec.ts";

type Arguments = Record<string, unknown>;

export type ArgumentsCheck = { ok: true; args: Arguments } | { ok: false; faults: Fault[] };

export type ArgumentsRepair =
  | { ok: true; args: Arguments; changes: string[] }
  /** What is wrong even after the changes, which then do not count. */
  | { ok: false; faults: Fault[]; changes: string[] };

export type OutputCheck =
  | {
      ok: true;
      value: unknown;
      /** How it was read and changed to fit; empty when it is what the model wrote. */
      repaired: string[];
    }
  | { ok: false; faults: Fault[] };

/** What is wrong with a value by a schema; nothing when it is valid. An unusable schema is a fault too. */
export function checkSchema(schema: JsonSchema, value: unknown): Fault[] {
  const ready = compiled(schema);
  return ready.ok ? guarded(() => toFaults(ready.errors(value))) : [ready.fault];
}

/** Do these arguments fit the tool? They come back as they are. */
export function checkArguments(spec: Pick<ToolSpec, "inputSchema">, args: unknown): ArgumentsCheck {
  const faults = isObject(args) ? checkSchema(spec.inputSchema, args) : [notAnObject];
  return faults.length === 0 && isObject(args) ? { ok: true, args } : { ok: false, faults };
}

/** Changes arguments to fit the tool where that keeps their meaning, and says how. The given value stays untouched. */
export function repairArguments(spec: Pick<ToolSpec, "inputSchema">, args: unknown): ArgumentsRepair {
  const ready = compiled(spec.inputSchema);
  if (!ready.ok) return { ok: false, faults: [ready.fault], changes: [] };
  const fitted = fitTo(args, inTime(ready.errors));
  if (fitted.faults.length > 0) return { ok: false, faults: fitted.faults, changes: fitted.changes };
  if (!isObject(fitted.value)) return { ok: false, faults: [notAnObject], changes: fitted.changes };
  return { ok: true, args: fitted.value, changes: fitted.changes };
}

/**
 * The JSON value of a model's final answer. Without `repair` the text must be valid JSON that fits; with it a fenced
 * block, JSON amid prose and broken JSON are read too, and values coerced as for arguments; `repaired` says so.
 */
export function parseOutput(text: string, schema: JsonSchema, { repair }: { repair: boolean }): OutputCheck {
  const ready = compiled(schema);
  if (!ready.ok) return { ok: false, faults: [ready.fault] };
  const errors = inTime(ready.errors);
  let first: Fault[] | null = null;
  for (const { value, how } of extractions(text, repair)) {
    const fitted = repair
      ? fitTo(value, errors)
      : { value, faults: guarded(() => toFaults(errors(value))), changes: [] };
    if (fitted.faults.length === 0) {
      return { ok: true, value: fitted.value, repaired: [...said[how], ...fitted.changes] };
    }
    first ??= fitted.faults;
  }
  return {
    ok: false,
    faults: first ?? [{ pointer: "", message: "the answer must be one JSON value and nothing else" }],
  };
}

/** Mending checks again and again: together no longer than this. Milliseconds. */
const mendingTimeout = 1_000;

function inTime(errors: Validator): Validator {
  const until = performance.now() + mendingTimeout;
  return (value) => {
    if (performance.now() > until) throw new Error("mending takes too long");
    return errors(value);
  };
}

function fitTo(value: unknown, errors: Validator): { value: unknown; faults: Fault[]; changes: string[] } {
  let result: ReturnType<typeof coerced> = { value, errors: [], changes: [] };
  const faults = guarded(() => {
    result = coerced(value, errors);
    return toFaults(result.errors);
  });
  return { value: result.value, changes: result.changes, faults };
}

/** A value nested too deep for the stack, or one that a foreign pattern never ends on, is not valid. */
function guarded(check: () => Fault[]): Fault[] {
  try {
    return check();
  } catch (error) {
    const why = error instanceof RangeError ? "it is nested too deep" : "checking it takes too long";
    return [{ pointer: "", message: `the value cannot be checked: ${why}` }];
  }
}

const said: Record<Extraction, string[]> = {
  as_is: [],
  fenced_block: ["the JSON was taken from a fenced block"],
  embedded: ["the JSON was taken from amid other text"],
  mended: ["broken JSON was mended"],
};

const notAnObject: Fault = { pointer: "", message: "arguments must be a JSON object" };

const isObject = (value: unknown): value is Arguments =>
  typeof value === "object" && value !== null && !Array.isArray(value);
