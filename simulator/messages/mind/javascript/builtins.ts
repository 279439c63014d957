import { entriesOf, itemsOf } from "./members.ts";
import { Unsupported } from "./unsupported.ts";
import { asGlobal, bounded, type Callable, isPlain, Later, plain, primitive, sized, Thrown } from "./values.ts";

const mathNames =
  "abs ceil floor max min pow round sign sqrt trunc hypot cbrt log log2 log10 exp sin cos tan atan atan2 PI E".split(
    " ",
  );

/** The globals that code may use. Nothing of the process, the clock or chance is among them. */
export function builtins(): Record<string, unknown> {
  const number = (value: unknown) => (isPlain(value) ? Number.NaN : Number(primitive(value)));
  const text = (value: unknown) => sized(String(primitive(value)));
  const error = (Kind: ErrorConstructor) =>
    asGlobal({
      members: {},
      call: (message) => new Kind(message === undefined ? "" : text(message)),
      construct: (message, options) =>
        new Kind(
          message === undefined ? "" : text(message),
          isPlain(options) && "cause" in options ? { cause: options["cause"] } : undefined,
        ),
    });
  return {
    undefined,
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    Math: asGlobal({
      members: Object.fromEntries(
        mathNames.map((name) => {
          const native: unknown = Reflect.get(Math, name);
          if (typeof native !== "function") return [name, native];
          return [name, (...args: unknown[]) => (native as (...all: number[]) => number)(...args.map(number))];
        }),
      ),
    }),
    Number: asGlobal({
      call: (...args) => (args.length === 0 ? 0 : number(args[0])),
      members: {
        isInteger: Number.isInteger,
        isFinite: Number.isFinite,
        isNaN: Number.isNaN,
        isSafeInteger: Number.isSafeInteger,
        parseFloat: (value: unknown) => Number.parseFloat(text(value)),
        parseInt: (value: unknown, radix?: number) => Number.parseInt(text(value), radix),
        MAX_SAFE_INTEGER: Number.MAX_SAFE_INTEGER,
        MIN_SAFE_INTEGER: Number.MIN_SAFE_INTEGER,
        MAX_VALUE: Number.MAX_VALUE,
        EPSILON: Number.EPSILON,
        NaN: Number.NaN,
        POSITIVE_INFINITY: Number.POSITIVE_INFINITY,
        NEGATIVE_INFINITY: Number.NEGATIVE_INFINITY,
      },
    }),
    String: asGlobal({ members: {}, call: (...args) => (args.length === 0 ? "" : text(args[0])) }),
    Boolean: asGlobal({ members: {}, call: (value) => Boolean(value) }),
    parseInt: (value: unknown, radix?: number) => Number.parseInt(text(value), radix),
    parseFloat: (value: unknown) => Number.parseFloat(text(value)),
    isNaN: (value: unknown) => Number.isNaN(number(value)),
    isFinite: (value: unknown) => Number.isFinite(number(value)),
    Array: asGlobal({ members: { isArray: Array.isArray, of: (...items: unknown[]) => items, from: listFrom } }),
    Object: asGlobal({
      members: {
        keys: (value: unknown) => entriesOf(value).map(([key]) => key),
        values: (value: unknown) => entriesOf(value).map(([, item]) => item),
        entries: (value: unknown) => entriesOf(value),
        fromEntries: (pairs: unknown) =>
          plain(itemsOf(pairs).map((pair) => [text(itemsOf(pair)[0]), itemsOf(pair)[1]] as const)),
        assign: (target: unknown, ...sources: unknown[]) => {
          if (!isPlain(target)) throw new Unsupported("Object.assign here");
          for (const source of sources) for (const [key, value] of entriesOf(source)) target[key] = value;
          return target;
        },
        freeze: (value: unknown) => (isPlain(value) || Array.isArray(value) ? Object.freeze(value) : value),
        hasOwn: (value: unknown, key: unknown) => isPlain(value) && Object.hasOwn(value, text(key)),
        is: Object.is,
      },
    }),
    JSON: asGlobal({
      members: {
        stringify: (value: unknown, _replacer?: unknown, indent?: unknown) => {
          bounded(value);
          if (_replacer != null) throw new Unsupported("replacers");
          return sized(JSON.stringify(value, null, typeof indent === "number" ? Math.min(indent, 10) : undefined));
        },
        parse: (value: unknown) => {
          try {
            return JSON.parse(text(value), (_key, item: unknown) =>
              typeof item === "object" && item !== null && !Array.isArray(item) ? plain(Object.entries(item)) : item,
            ) as unknown;
          } catch (fault) {
            throw fault instanceof SyntaxError ? new Thrown(fault) : fault;
          }
        },
      },
    }),
    Map: asGlobal({
      members: {},
      construct: (pairs) =>
        new Map(pairs == null ? [] : itemsOf(pairs).map((pair) => itemsOf(pair) as [unknown, unknown])),
    }),
    Set: asGlobal({ members: {}, construct: (items) => new Set(items == null ? [] : itemsOf(items)) }),
    Error: error(Error),
    TypeError: error(TypeError),
    RangeError: error(RangeError),
    SyntaxError: error(SyntaxError),
    Promise: promises(),
    setTimeout: (then: unknown) => (typeof then === "function" ? (then as Callable).call(undefined) : undefined),
    setImmediate: (then: unknown) => (typeof then === "function" ? (then as Callable).call(undefined) : undefined),
    queueMicrotask: (then: unknown) => (typeof then === "function" ? (then as Callable).call(undefined) : undefined),
    structuredClone: (value: unknown) => copy(value),
    console: asGlobal({ members: { log: () => undefined, error: () => undefined, warn: () => undefined } }),
  };
}

/** The native error behind a global such as `TypeError`, for `instanceof`. */
export const errorKinds: Record<string, ErrorConstructor> = { Error, TypeError, RangeError, SyntaxError };

function listFrom(source: unknown, map?: unknown): unknown[] {
  const length = isPlain(source) ? Number(source["length"]) : Number.NaN;
  if (length > 2_000) throw new Unsupported("a very long list");
  const items = Number.isInteger(length) ? Array.from({ length }, () => undefined) : itemsOf(source);
  return typeof map === "function" ? items.map((item, at) => (map as Callable).call(undefined, item, at)) : items;
}

function copy(value: unknown): unknown {
  bounded(value);
  if (Array.isArray(value)) return value.map(copy);
  return isPlain(value) ? plain(Object.entries(value).map(([key, item]) => [key, copy(item)] as const)) : value;
}

function promises(): unknown {
  const settled = (value: unknown) => (value instanceof Later ? value : new Later(value));
  return asGlobal({
    construct: (executor) => {
      let result: Later | undefined;
      const resolve = (value: unknown) => {
        result ??= settled(value);
      };
      const reject = (value: unknown) => {
        result ??= new Later(value, true);
      };
      (executor as Callable).call(undefined, resolve, reject);
      if (result === undefined) throw new Unsupported("a promise that is settled later");
      return result;
    },
    members: {
      resolve: settled,
      reject: (value: unknown) => new Later(value, true),
      all: (items: unknown) => {
        const all = itemsOf(items).map(settled);
        return all.find(({ failed }) => failed) ?? new Later(all.map(({ value }) => value));
      },
    },
  });
}
