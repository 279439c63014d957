/**
 * Keywords by which a check can take longer than the schema times the value: patterns, references to itself, uniqueness, and
 * what looks at all that the parts beside and below it have seen.
 */
const unbounded = new Set([
  "pattern",
  "patternProperties",
  "$ref",
  "$dynamicRef",
  "$recursiveRef",
  "uniqueItems",
  "unevaluatedItems",
  "unevaluatedProperties",
]);

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

/**
 * How many parts a value has, a hundred characters of text counting as one more; more than `most` is not counted out. Fifty
 * characters of the names that lead to a part count as one more too: every fault of it is told with all of them.
 */
export function partsOfValue(value: unknown, most: number): number {
  let parts = 0;
  const pending: { one: unknown; path: number }[] = [{ one: value, path: 0 }];
  for (let next = pending.pop(); next !== undefined && parts <= most; next = pending.pop()) {
    const { one, path } = next;
    parts += 1 + Math.floor(path / 50) + (typeof one === "string" ? Math.floor(one.length / 100) : 0);
    if (typeof one !== "object" || one === null) continue;
    if (Array.isArray(one)) {
      if (parts + one.length > most) return parts + one.length;
      for (const part of one) pending.push({ one: part, path: path + 2 });
    } else {
      for (const [name, part] of Object.entries(one)) pending.push({ one: part, path: path + name.length + 1 });
    }
  }
  return parts;
}
