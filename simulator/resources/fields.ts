import { z } from "zod";
import { invalid } from "../http/errors.ts";

/** At most 16 pairs of strings, key up to 64 and value up to 512 characters. */
export const metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, "at most 16 pairs are allowed");

/** A metadata patch: a string sets, null deletes. */
export const metadataPatch = z.record(z.string().min(1).max(64), z.string().max(512).nullable());

/** Applies a metadata patch and keeps the limit on the result. */
export function patchMetadata(
  current: Record<string, string>,
  patch: Record<string, string | null> | null | undefined,
): Record<string, string> {
  const result = { ...current };
  for (const [key, value] of Object.entries(patch ?? {})) {
    if (value === null) delete result[key];
    else result[key] = value;
  }
  if (Object.keys(result).length > 16) throw invalid("metadata: at most 16 pairs are allowed");
  return result;
}

/** Whether two values are the same JSON, whatever the order of keys. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const a = Object.entries(left).filter(([, value]) => value !== undefined);
  const b = new Map(Object.entries(right).filter(([, value]) => value !== undefined));
  return a.length === b.size && a.every(([key, value]) => b.has(key) && sameJson(value, b.get(key)));
}
