import type { Fault } from "../runs/terms.ts";
import { nearestName } from "./nearest.ts";

/** More faults than anybody corrects at once are not told. */
const mostFaults = 50;

/** Where faults are noted down. Pointers are RFC 6901; messages name fields and limits, never what the value says. */
export interface FaultList {
  readonly faults: Fault[];
  add(pointer: string, message: string): void;
}

export function faultList(): FaultList {
  const faults: Fault[] = [];
  return {
    faults,
    add(pointer, message) {
      if (faults.length < mostFaults) faults.push({ pointer, message });
    },
  };
}

/** The value as an object with these fields and no others, or null. */
export function readObject(
  value: unknown,
  pointer: string,
  what: string,
  fields: readonly string[],
  into: FaultList,
): Record<string, unknown> | null {
  if (!isObject(value)) {
    into.add(pointer, `${what} is an object with ${fields.join(", ")}`);
    return null;
  }
  // A misspelt `depends_on` must not be dropped in silence: the step would run too early.
  const unknown = Object.keys(value).find((key) => !fields.includes(key));
  if (unknown !== undefined) {
    const missing = fields.filter((field) => !Object.hasOwn(value, field));
    const nearest = nearestName(unknown, missing);
    const hint = nearest === null ? "" : `; did you mean ${nearest}?`;
    into.add(pointer, `${what} has a field that is not known, valid are ${fields.join(", ")}${hint}`);
  }
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as a text of at most so many characters, or "" with a fault. */
export function readText(value: unknown, pointer: string, most: number, into: FaultList): string {
  if (typeof value === "string" && value.length <= most) return value;
  into.add(
    pointer,
    value === undefined
      ? "is missing: a text is needed"
      : typeof value === "string"
        ? `is longer than ${most} characters`
        : `must be a text of at most ${most} characters`,
  );
  return "";
}

/** The value as a list of at most so many entries; absent is the empty list. */
export function readList(value: unknown, pointer: string, most: number, what: string, into: FaultList): unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length <= most) return value;
  into.add(pointer, `must be a list of at most ${most} ${what}`);
  return [];
}
