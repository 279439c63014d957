import { Unsupported } from "./unsupported.ts";
import { bounded, type Callable, isGlobal, isPlain, Later, primitive, sized, Thrown } from "./values.ts";

const names = (list: string) => new Set(list.split(" "));
const ofTexts = names(
  "at charAt charCodeAt codePointAt concat endsWith includes indexOf lastIndexOf localeCompare match normalize padEnd padStart repeat replace replaceAll search slice split startsWith substring toLowerCase toString toUpperCase trim trimEnd trimStart valueOf",
);
const ofLists = names(
  "at concat entries every fill filter find findIndex findLast findLastIndex flat flatMap forEach includes indexOf join keys lastIndexOf map pop push reduce reduceRight reverse shift slice some sort splice toReversed toSorted toSpliced toString unshift values with",
);
const ofNumbers = names("toFixed toPrecision toString valueOf");
const ofMaps = names("get set has delete clear forEach keys values entries");
const ofSets = names("add has delete clear forEach keys values entries");
const ofRegexes = names("test exec");
/** Methods of lists that turn their items into text. */
const texting = names("join toString sort toSorted");

/** `object.key`. Only what is listed here can be reached, whatever the key. */
export function getMember(object: unknown, key: string): unknown {
  if (object === undefined || object === null) {
    throw new Thrown(new TypeError(`Cannot read properties of ${object} (reading '${key}')`));
  }
  if (isGlobal(object)) {
    if (Object.hasOwn(object.members, key)) return object.members[key];
    throw new Unsupported(key);
  }
  if (typeof object === "string") return ofText(object, key);
  if (typeof object === "number") return method(object, key, ofNumbers);
  if (typeof object === "boolean") return undefined;
  if (Array.isArray(object)) return ofList(object, key);
  if (object instanceof Map) return key === "size" ? object.size : method(object, key, ofMaps);
  if (object instanceof Set) return key === "size" ? object.size : method(object, key, ofSets);
  if (object instanceof RegExp) return method(object, key, ofRegexes);
  if (object instanceof Later) return ofPromise(object, key);
  if (object instanceof Error) return ofError(object, key);
  if (isPlain(object)) {
    if (Object.hasOwn(object, key)) return object[key];
    if (key === "hasOwnProperty") return (name: unknown) => Object.hasOwn(object, String(name));
    return undefined;
  }
  throw new Unsupported(`.${key} here`);
}

/** `object.key = value`. */
export function setMember(object: unknown, key: string, value: unknown): void {
  if (Array.isArray(object)) {
    const index = Number(key);
    if (key === "length" && typeof value === "number" && value <= object.length) object.length = value;
    else if (Number.isInteger(index) && index >= 0 && index <= object.length) object[index] = value;
    else throw new Unsupported("this index");
    sized(object);
  } else if (isPlain(object)) {
    if (Object.isFrozen(object)) throw new Thrown(new TypeError(`Cannot assign to read only property '${key}'`));
    object[key] = value;
  } else if (object === undefined || object === null) {
    throw new Thrown(new TypeError(`Cannot set properties of ${object} (setting '${key}')`));
  } else throw new Unsupported(`setting .${key} here`);
}

/** The items of `for … of` and of a spread. */
export function itemsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return [...value];
  if (typeof value === "string") return Array.from(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  throw new Thrown(new TypeError("value is not iterable"));
}

function ofText(text: string, key: string): unknown {
  if (key === "length") return text.length;
  if (/^\d+$/.test(key)) return text[Number(key)];
  if ((key === "repeat" || key === "padEnd" || key === "padStart") && ofTexts.has(key)) {
    return (count: unknown, filler?: unknown) => {
      if (Number(count) > 10_000) throw new Unsupported("a very long text");
      const run = method(text, key, ofTexts);
      return filler === undefined ? run?.(count) : run?.(count, filler);
    };
  }
  return method(text, key, ofTexts);
}

function ofList(list: unknown[], key: string): unknown {
  if (key === "length") return list.length;
  if (/^\d+$/.test(key)) return list[Number(key)];
  const run = method(list, key, ofLists);
  if (run === undefined) return undefined;
  return (...args: unknown[]) => {
    if (texting.has(key)) bounded(list);
    if (key === "join") {
      const separator = args[0] === undefined ? "," : String(primitive(args[0]));
      return sized(list.map((item) => (item == null ? "" : String(primitive(item)))).join(separator));
    }
    if ((key === "sort" || key === "toSorted") && args[0] === undefined) {
      return run((a: unknown, b: unknown) => byText(String(primitive(a)), String(primitive(b))));
    }
    const result = run(...args);
    sized(list);
    return result;
  };
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function ofPromise(promise: Later, key: string): unknown {
  const settle = (handler: unknown) => {
    if (typeof handler !== "function") return promise;
    try {
      const result: unknown = (handler as Callable).call(undefined, promise.value);
      return result instanceof Later ? result : new Later(result);
    } catch (error) {
      if (error instanceof Thrown) return new Later(error.value, true);
      throw error;
    }
  };
  if (key === "then") return (done: unknown, failed: unknown) => settle(promise.failed ? failed : done);
  if (key === "catch") return (failed: unknown) => (promise.failed ? settle(failed) : promise);
  if (key === "finally") throw new Unsupported("finally of a promise");
  return undefined;
}

function ofError(error: Error, key: string): unknown {
  if (key === "message" || key === "name" || key === "cause") return error[key];
  if (key === "stack") throw new Unsupported("stacks");
  return undefined;
}

// Native methods, bound. Their own errors are errors of the code that is read.
function method(
  value: unknown,
  key: string,
  allowed: ReadonlySet<string>,
): ((...args: unknown[]) => unknown) | undefined {
  if (!allowed.has(key)) return undefined;
  const native = (value as Record<string, Callable>)[key];
  if (native === undefined) return undefined;
  return (...args) => {
    try {
      const result: unknown = native.apply(value, args);
      const iterator = typeof result === "object" && result !== null && "next" in result;
      return sized(iterator ? Array.from(result as unknown as Iterable<unknown>) : groups(result));
    } catch (error) {
      if (error instanceof Thrown || error instanceof Unsupported || !(error instanceof Error)) throw error;
      throw new Thrown(error);
    }
  };
}

// The named groups of a match become an object of the code that is read.
function groups(result: unknown): unknown {
  if (!Array.isArray(result) || !("groups" in result)) return result;
  return Object.assign([...(result as unknown[])], {});
}

export const entriesOf = (value: unknown): [string, unknown][] => {
  if (Array.isArray(value)) return value.map((item, at) => [String(at), item as unknown]);
  if (typeof value === "string") return Array.from(value, (item, at) => [String(at), item]);
  return isPlain(value) ? Object.entries(value) : [];
};
