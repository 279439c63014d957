/** What jsonb can hold: neither NUL nor half a surrogate pair. A tool or a model may well return either, as a key too. */
export function storable(payload: unknown): unknown {
  if (typeof payload === "string") return payload.toWellFormed().replaceAll("\u0000", "\ufffd");
  if (Array.isArray(payload)) return payload.map(storable);
  if (typeof payload !== "object" || payload === null) return payload;
  return Object.fromEntries(Object.entries(payload).map(([key, value]) => [storable(key), storable(value)]));
}
