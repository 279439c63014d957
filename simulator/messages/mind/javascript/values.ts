import { Unsupported } from "./unsupported.ts";

/** A function of the code that is read, or one that it may use. */
export type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** What code has thrown. */
export class Thrown extends Error {
  readonly value: unknown;
  constructor(value: unknown) {
    super(value instanceof Error ? value.message : String(value));
    this.value = value;
  }
}

/** A promise. Everything here happens at once, so it is settled when it exists. */
export class Later {
  readonly value: unknown;
  readonly failed: boolean;
  constructor(value: unknown, failed = false) {
    this.value = value;
    this.failed = failed;
  }
}

/** A global such as `Math`: its members, and what calling it or `new` does. */
export interface Global {
  members: Record<string, unknown>;
  call?: Callable;
  construct?: (...args: unknown[]) => unknown;
}

const globals = new WeakSet<object>();

/** Marks an object as a global. */
export function asGlobal(global: Global): Global {
  globals.add(global);
  return global;
}

export const isGlobal = (value: unknown): value is Global =>
  typeof value === "object" && value !== null && globals.has(value);

export type Plain = Record<string, unknown>;

/** An object of the code that is read: without a prototype, so that no key leads out of it. */
export const plain = (entries: Iterable<readonly [string, unknown]> = []): Plain => {
  const object = Object.create(null) as Plain;
  for (const [key, value] of entries) object[key] = value;
  return object;
};

export const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;

const longestText = 20_000;
const longestList = 2_000;

/** Refuses values that grow beyond what a test of a small project needs. */
export function sized<Value>(value: Value): Value {
  if (typeof value === "string" && value.length > longestText) throw new Unsupported("a very long text");
  if (Array.isArray(value) && value.length > longestList) throw new Unsupported("a very long list");
  return value;
}

/** Refuses values whose parts are too many to walk through. */
export function bounded(value: unknown): void {
  let left = longestText;
  const walk = (item: unknown) => {
    left -= 1;
    if (left < 0) throw new Unsupported("a very large value");
    if (Array.isArray(item)) item.forEach(walk);
    else if (isPlain(item)) Object.values(item).forEach(walk);
  };
  walk(value);
}

/** What an operator or a text makes of a value. */
export function primitive(value: unknown): string | number | boolean | null | undefined {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (value === null || value === undefined) return value;
  if (value instanceof Later) return "[object Promise]";
  if (value instanceof Error) return String(value);
  if (Array.isArray(value)) {
    bounded(value);
    return sized(value.map((item) => (item == null ? "" : String(primitive(item)))).join(","));
  }
  if (isPlain(value)) return "[object Object]";
  throw new Unsupported("turning this value into a text");
}

/** Whether two values are deeply equal, as `assert.deepStrictEqual` has it. */
export function deepEqual(left: unknown, right: unknown, loose = false): boolean {
  bounded(left);
  bounded(right);
  const same = (a: unknown, b: unknown): boolean => {
    if (Object.is(a, b)) return true;
    if (loose && typeof a !== "object" && typeof b !== "object") return looseEqual(a, b);
    if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => same(item, b[at]));
    if (a instanceof Map && b instanceof Map) return same([...a], [...b]);
    if (a instanceof Set && b instanceof Set) return same([...a], [...b]);
    if (!isPlain(a) || !isPlain(b)) return false;
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
  };
  return same(left, right);
}

/** `==`. */
export function looseEqual(left: unknown, right: unknown): boolean {
  if (left == null || right == null) return left == null && right == null;
  if (typeof left === "object" && typeof right === "object") return left === right;
  if (typeof left === "function" || typeof right === "function") return left === right;
  const a = primitive(left);
  const b = primitive(right);
  return typeof a === typeof b ? a === b : Number(a) === Number(b);
}
