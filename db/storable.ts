/** What jsonb can hold: neither NUL nor half a surrogate pair. A tool or a model may well return either, as a key too. */
export function storable(payload: unknown): unknown {
  if (typeof payload === "string") return payload.toWellFormed().replaceAll("\u0000", "\ufffd");
  if (Array.isArray(payload)) return payload.map(storable);
  if (typeof payload !== "object" || payload === null) return payload;
  return Object.fromEntries(Object.entries(payload).map(([key, value]) => [storable(key), storable(value)]));
}

/** The JSON of a value as jsonb can hold it. Texts that were cut may end in half a surrogate pair, whoever wrote them. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  // These escapes are all that is written of NUL and of half a pair: few values have one, and only those are walked.
  return /\\u(?:0000|d[89a-f])/.test(text) ? JSON.stringify(storable(JSON.parse(text))) : text;
}
