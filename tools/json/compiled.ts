import { createContext, Script } from "node:vm";
import { Ajv, type ErrorObject } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { canonicalJson, sha256Hex } from "../../core/canonical.ts";
import { partsOfSchema, partsOfValue } from "./effort.ts";
import type { Fault } from "./fault.ts";

/** Characters of a schema's canonical JSON: compiling takes time that grows with it. */
const longestSchema = 256_000;
/** Compiled schemas kept; the one used longest ago goes first. */
const mostKept = 500;
/**
 * A foreign schema may take for ever on a value made for it: by its patterns, by choices that refer to themselves, by arrays
 * of unique items. Milliseconds.
 */
const checkTimeout = 500;
/**
 * Parts of a schema times parts of a value up to which a check is known to take moments (tens of nanoseconds each), and goes
 * without the time limit: watching the time takes 2 ms, far longer than most checks.
 */
const mostUnwatched = 1_000_000;
/** Of making one ready: what takes longer is no schema for anybody. Less than a heartbeat. Milliseconds. */
const compileTimeout = 2_000;

export type Validator = (value: unknown) => ErrorObject[];
export type CompiledSchema = { ok: true; errors: Validator } | { ok: false; fault: Fault };

const kept = new Map<string, CompiledSchema>();

const options = {
  allErrors: true,
  strict: false,
  // `format` annotates in 2020-12; what a foreign one means is not ours to guess.
  validateFormats: false,
  logger: false as const,
  // Of its own per schema: two foreign schemas may have one `$id`.
  addUsedSchema: false,
  // In line, a definition that is referred to a hundred times would be compiled a hundred times.
  inlineRefs: false,
};
/** Judge schemas, and take none up: what they judge by is compiled once, which takes longer than most schemas. */
const judges = { draft07: new Ajv(options), draft2020: new Ajv2020(options) };

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
  // What took too long may have been the machine.
  if (result !== tooLong) kept.set(key, result);
  const [oldest] = kept.keys();
  if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
  return result;
}

function compile(text: string): CompiledSchema {
  const schema = JSON.parse(text) as Record<string, unknown>;
  try {
    const draft07 = /draft-0[467]/.test(JSON.stringify(schema["$schema"] ?? ""));
    // Ajv knows the two dialects by their class; another `$schema` (or a `$async` one) would be an error.
    const { $schema: _, $async: __, ...plain } = schema;
    const validate = timed(() => {
      void judges[draft07 ? "draft07" : "draft2020"].validateSchema(plain, true);
      const judged = { ...options, validateSchema: false };
      return draft07 ? new Ajv(judged).compile(plain) : new Ajv2020(judged).compile(plain);
    }, compileTimeout);
    const check = (value: unknown) => (validate(value) ? [] : [...(validate.errors ?? [])]);
    const mostParts = mostUnwatched / partsOfSchema(plain);
    return {
      ok: true,
      errors: (value) =>
        partsOfValue(value, mostParts) <= mostParts ? check(value) : timed(() => check(value), checkTimeout),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return tooLong;
    return unusable(error instanceof Error ? error.message : "it cannot be compiled");
  }
}

function unusable(why: string): CompiledSchema {
  return { ok: false, fault: { pointer: "", message: `the schema itself cannot be used: ${why.slice(0, 300)}` } };
}

const tooLong = unusable("making it ready takes too long");

/** Only a script can be given a time limit: it calls straight back. */
function timed<Result>(work: () => Result, timeout: number): Result {
  const before = limited["work"];
  limited["work"] = work;
  try {
    return script.runInContext(limited, { timeout }) as Result;
  } finally {
    limited["work"] = before;
  }
}

const limited = createContext({});
const script = new Script("work()");
