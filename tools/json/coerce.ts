import type { ErrorObject } from "ajv";
import type { Validator } from "./compiled.ts";
import { at, remove, replace } from "./pointer.ts";

/** Repairs of one value at most: each is checked by validating all of it again. */
const mostRepairs = 50;

/**
 * Changes a value towards its schema where that keeps what was meant: a number, truth value, object or list given as a
 * string; one value where a list is wanted; a null for something optional; a property the schema does not allow. Each
 * change is named. What cannot be read that way stays as it is.
 */
export function coerced(
  value: unknown,
  validate: Validator,
): { value: unknown; errors: ErrorObject[]; changes: string[] } {
  let current = value;
  let errors = validate(current);
  const changes: string[] = [];
  while (errors.length > 0 && changes.length < mostRepairs) {
    const step = nextStep(current, errors, validate);
    if (step === null) break;
    current = step.value;
    errors = step.errors;
    changes.push(step.change);
  }
  return { value: current, errors, changes };
}

interface Candidate {
  value: unknown;
  change: string;
  /** Of a removal: what must not be missed afterwards. */
  removed?: { pointer: string; name: string };
}

function nextStep(
  value: unknown,
  errors: readonly ErrorObject[],
  validate: Validator,
): (Candidate & { errors: ErrorObject[] }) | null {
  for (const error of errors)
    for (const candidate of candidates(value, error)) {
      const after = validate(candidate.value);
      if (helps(error, candidate, after)) return { ...candidate, errors: after };
    }
  return null;
}

/** The error is gone, and what was removed is not asked for. Among alternatives nothing may be left wrong there. */
function helps(error: ErrorObject, { removed }: Candidate, after: readonly ErrorObject[]): boolean {
  if (removed !== undefined && after.some((other) => misses(other, removed))) return false;
  if (isAlternative(error)) return !after.some(({ instancePath }) => isBelow(error.instancePath, instancePath));
  return !after.some(
    (other) =>
      other.instancePath === error.instancePath &&
      other.keyword === error.keyword &&
      JSON.stringify(other.params) === JSON.stringify(error.params),
  );
}

const misses = (error: ErrorObject, removed: { pointer: string; name: string }): boolean =>
  error.keyword === "required" &&
  error.instancePath === removed.pointer &&
  error.params["missingProperty"] === removed.name;

const isBelow = (pointer: string, other: string): boolean => other === pointer || other.startsWith(`${pointer}/`);

/** Inside anyOf, oneOf, not or if a fault does not mean that the value is wrong there. */
const isAlternative = ({ schemaPath }: ErrorObject): boolean => /\/(anyOf|oneOf|not|if)(\/|$)/.test(schemaPath);

function* candidates(value: unknown, error: ErrorObject): Generator<Candidate> {
  const { instancePath: pointer, keyword, params } = error;
  if (keyword === "type") yield* ofType(value, pointer, [params["type"]].flat().map(String));
  const unknown: unknown = params["additionalProperty"] ?? params["unevaluatedProperty"];
  if (typeof unknown === "string" && !isAlternative(error)) {
    const value_ = remove(value, pointer, unknown);
    if (value_ !== null)
      yield { value: value_, change: `${pointer}: unknown property ${JSON.stringify(unknown)} left out` };
  }
}

function* ofType(value: unknown, pointer: string, types: readonly string[]): Generator<Candidate> {
  const here = at(value, pointer);
  const place = pointer === "" ? "the whole" : pointer;
  if (here === null && pointer !== "") {
    const parent = pointer.slice(0, pointer.lastIndexOf("/"));
    const name = unescaped(pointer.slice(pointer.lastIndexOf("/") + 1));
    const without = Array.isArray(at(value, parent)) ? null : remove(value, parent, name);
    if (without !== null)
      yield {
        value: without,
        change: `${place}: null of an optional property left out`,
        removed: { pointer: parent, name },
      };
    return;
  }
  if (typeof here === "string")
    for (const type of types) {
      const read = readAs(here, type);
      if (read !== undefined)
        yield { value: replace(value, pointer, read), change: `${place}: the string was read as ${type}` };
    }
  if (types.includes("array") && !Array.isArray(here) && here !== null && here !== undefined)
    yield { value: replace(value, pointer, [here]), change: `${place}: the single value was made a list` };
}

/** Only texts that mean one thing: "3" is a number, "3 apples", "0x3" and "" are none. */
function readAs(text: string, type: string): unknown {
  const trimmed = text.trim();
  switch (type) {
    case "number":
    case "integer":
      return readNumber(trimmed, type);
    case "boolean":
      return trimmed === "true" ? true : trimmed === "false" ? false : undefined;
    case "object":
    case "array":
      return readJson(trimmed, type);
    default:
      return undefined;
  }
}

function readNumber(text: string, type: "number" | "integer"): number | undefined {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return undefined;
  const number = Number(text);
  const exact = Number.isInteger(number) ? Number.isSafeInteger(number) : Number.isFinite(number);
  return exact && (type === "number" || Number.isInteger(number)) ? number : undefined;
}

function readJson(text: string, type: "object" | "array"): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const kind = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
    return kind === type ? value : undefined;
  } catch {
    return undefined;
  }
}

const unescaped = (name: string): string => name.replaceAll("~1", "/").replaceAll("~0", "~");
