import { asText } from "../printable.ts";
import type { RunEvent } from "./follow.ts";

/** An event's payload; what is no object has no fields. */
export function fieldsOf(event: RunEvent): Readonly<Record<string, unknown>> {
  const { payload } = event;
  return isFields(payload) ? payload : {};
}

export function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field as text; empty when it is not there. */
export function textOf(event: RunEvent, name: string): string {
  return asText(fieldsOf(event)[name]);
}

/** A field as number; null when it is none. */
export function numberOf(event: RunEvent, name: string): number | null {
  const value = fieldsOf(event)[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
