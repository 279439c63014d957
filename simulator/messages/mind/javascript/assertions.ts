import { Unsupported } from "./unsupported.ts";
import {
  asGlobal,
  bounded,
  type Callable,
  deepEqual,
  type Global,
  isGlobal,
  isPlain,
  Later,
  looseEqual,
  Thrown,
} from "./values.ts";

class AssertionError extends Error {}

/** `node:assert`, loose or strict. */
export function assertions(strict: boolean): Global {
  const check = (holds: boolean, what: () => string) => {
    if (!holds) throw new Thrown(new AssertionError(what()));
  };
  const same = (a: unknown, b: unknown) => (strict ? Object.is(a, b) : looseEqual(a, b));
  const ok = (value: unknown) => check(Boolean(value), () => `${show(value)} is not truthy`);
  const members: Record<string, unknown> = {
    ok,
    equal: (a: unknown, b: unknown) => check(same(a, b), () => `${show(a)} instead of ${show(b)}`),
    notEqual: (a: unknown, b: unknown) => check(!same(a, b), () => `${show(a)} after all`),
    strictEqual: (a: unknown, b: unknown) => check(Object.is(a, b), () => `${show(a)} instead of ${show(b)}`),
    notStrictEqual: (a: unknown, b: unknown) => check(!Object.is(a, b), () => `${show(a)} after all`),
    deepEqual: (a: unknown, b: unknown) => check(deepEqual(a, b, !strict), () => `${show(a)} instead of ${show(b)}`),
    deepStrictEqual: (a: unknown, b: unknown) => check(deepEqual(a, b), () => `${show(a)} instead of ${show(b)}`),
    notDeepEqual: (a: unknown, b: unknown) => check(!deepEqual(a, b, !strict), () => `${show(a)} after all`),
    notDeepStrictEqual: (a: unknown, b: unknown) => check(!deepEqual(a, b), () => `${show(a)} after all`),
    match: (text: unknown, pattern: unknown) =>
      check(pattern instanceof RegExp && pattern.test(String(text)), () => `${show(text)} does not match`),
    throws: (run: unknown, expected?: unknown) => {
      const failure = failureOf(() => (run as Callable).call(undefined));
      check(failure !== undefined, () => "it does not throw");
      checkExpected(failure?.value, expected);
    },
    doesNotThrow: (run: unknown) =>
      check(failureOf(() => (run as Callable).call(undefined)) === undefined, () => "it throws"),
    rejects: (given: unknown, expected?: unknown) => {
      const promise: unknown = typeof given === "function" ? (given as Callable).call(undefined) : given;
      check(promise instanceof Later && promise.failed, () => "it does not reject");
      checkExpected((promise as Later).value, expected);
      return new Later(undefined);
    },
    fail: (message: unknown) => check(false, () => String(message)),
  };
  const assert = asGlobal({ members, call: ok });
  members["strict"] = strict ? assert : undefined;
  return assert;
}

function checkExpected(value: unknown, expected: unknown): void {
  if (expected === undefined || typeof expected === "string") return;
  const message = value instanceof Error ? value.message : String(value);
  if (expected instanceof RegExp) {
    if (!expected.test(message)) throw new Thrown(new AssertionError(`${message} does not match`));
    return;
  }
  if (isPlain(expected) && Object.keys(expected).every((key) => key === "message" || key === "name")) {
    for (const [key, wanted] of Object.entries(expected)) {
      const actual: unknown = value instanceof Error ? Reflect.get(value, key) : undefined;
      const holds = wanted instanceof RegExp ? wanted.test(String(actual)) : actual === wanted;
      if (!holds) throw new Thrown(new AssertionError(`the error's ${key} is ${show(actual)}`));
    }
    return;
  }
  // An error class: which one cannot be told from the global alone, so any error will do.
  if (isGlobal(expected) && value instanceof Error) return;
  throw new Unsupported("this expected error");
}

function failureOf(run: () => unknown): Thrown | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Thrown) return error;
    throw error;
  }
}

function show(value: unknown): string {
  if (value instanceof Later) return "a promise";
  bounded(value);
  if (typeof value === "function" || isGlobal(value)) return "a function";
  return (JSON.stringify(value) ?? "undefined").slice(0, 200);
}
