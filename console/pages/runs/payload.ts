import type { components } from "../../../contracts/generated/api.ts";

export type RunEvent = components["schemas"]["RunEvent"];

/** Whether a value has named fields. */
export function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An event's payload; what is no object has no fields. */
export function fieldsOf(event: RunEvent): Readonly<Record<string, unknown>> {
  return isFields(event.payload) ? event.payload : {};
}

/** A field as text; empty when it is not there. */
export function textIn(event: RunEvent, name: string): string {
  const value = fieldsOf(event)[name];
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A field as number; null when it is none. */
export function numberIn(event: RunEvent, name: string): number | null {
  const value = fieldsOf(event)[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
