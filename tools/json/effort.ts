/** Keywords by which a check can take longer than the schema times the value: patterns, references to itself, uniqueness. */
const unbounded = new Set(["pattern", "patternProperties", "$ref", "$dynamicRef", "$recursiveRef", "uniqueItems"]);

/**
 * How many parts a schema has, each of which a check may hold against each part of a value once; infinite when it has a
 * keyword with which there is no such bound. A property of that name counts as the keyword: that errs on the safe side.
 */
export function partsOfSchema(schema: unknown): number {
  let parts = 0;
  const pending: unknown[] = [schema];
  while (pending.length > 0) {
    const one = pending.pop();
    parts += 1;
    if (typeof one !== "object" || one === null) continue;
    if (!Array.isArray(one) && Object.keys(one).some((key) => unbounded.has(key))) return Number.POSITIVE_INFINITY;
    for (const part of Object.values(one)) pending.push(part);
  }
  return parts;
}

/** How many parts a value has, a hundred characters of text counting as one; more than `most` is not counted out. */
export function partsOfValue(value: unknown, most: number): number {
  let parts = 0;
  const pending: unknown[] = [value];
  while (pending.length > 0 && parts <= most) {
    const one = pending.pop();
    parts += typeof one === "string" ? 1 + one.length / 100 : 1;
    if (typeof one !== "object" || one === null) continue;
    if (Array.isArray(one) && parts + one.length > most) return parts + one.length;
    for (const part of Object.values(one)) pending.push(part);
  }
  return parts;
}
