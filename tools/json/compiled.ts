import { createContext, Script } from "node:vm";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { canonicalJson, sha256Hex } from "../../core/canonical.ts";
import type { Fault } from "./fault.ts";

/** Characters of a schema's canonical JSON: compiling takes time that grows with it. */
const longestSchema = 256_000;
/** Compiled schemas kept; the one used longest ago goes first. */
const mostKept = 500;
/** A foreign regular expression may take for ever on a text made for it. Milliseconds. */
const patternTimeout = 250;

export type Validator = (value: unknown) => ErrorObject[];
export type CompiledSchema = { ok: true; errors: Validator } | { ok: false; fault: Fault };

const kept = new Map<string, CompiledSchema>();

/**
 * A JSON Schema ready to check values; draft-07 when its `$schema` says so, else 2020-12. A schema that refers to
 * another document, is too large or is no schema at all gives a fault: nothing is ever fetched.
 */
export function compiled(schema: Readonly<Record<string, unknown>>): CompiledSchema {
  let text: string;
  try {
    text = canonicalJson(schema);
  } catch (error) {
    return unusable(error instanceof Error ? error.message : "it is not JSON");
  }
  if (text.length > longestSchema)
    return unusable(`it has ${text.length} characters, at most ${longestSchema} are read`);
  const key = sha256Hex(text);
  const known = kept.get(key);
  kept.delete(key);
  const result = known ?? compile(text);
  kept.set(key, result);
  const [oldest] = kept.keys();
  if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
  return result;
}

function compile(text: string): CompiledSchema {
  const schema = JSON.parse(text) as Record<string, unknown>;
  const options = {
    allErrors: true,
    strict: false,
    // `format` annotates in 2020-12; what a foreign one means is not ours to guess.
    validateFormats: false,
    logger: false as const,
    // Of its own per schema: two foreign schemas may have one `$id`.
    addUsedSchema: false,
  };
  try {
    const draft07 = /draft-0[467]/.test(JSON.stringify(schema["$schema"] ?? ""));
    // Ajv knows the two dialects by their class; another `$schema` (or a `$async` one) would be an error.
    const { $schema: _, $async: __, ...plain } = schema;
    const validate = draft07 ? new Ajv(options).compile(plain) : new Ajv2020(options).compile(plain);
    return { ok: true, errors: guarded(validate, /"pattern(Properties)?":/.test(text)) };
  } catch (error) {
    return unusable(error instanceof Error ? error.message : "it cannot be compiled");
  }
}

const unusable = (why: string): CompiledSchema => ({
  ok: false,
  fault: { pointer: "", message: `the schema itself cannot be used: ${why.slice(0, 300)}` },
});

function guarded(validate: ValidateFunction, hasPatterns: boolean): Validator {
  const check = (value: unknown): ErrorObject[] => (validate(value) ? [] : [...(validate.errors ?? [])]);
  if (!hasPatterns) return check;
  return (value) => {
    const context = createContext({ check: () => check(value) });
    return timed.runInContext(context, { timeout: patternTimeout }) as ErrorObject[];
  };
}

/** Only a script can be given a time limit; it calls straight back. */
const timed = new Script("check()");
