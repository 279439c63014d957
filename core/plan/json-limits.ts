/** How large a JSON value may be: characters of its compact text, levels of objects and lists in each other. */
export interface JsonLimits {
  characters: number;
  depth: number;
}

/**
 * What is wrong with a value that came from a model, or null. Walks without recursion and stops at the first limit, so
 * that no value, however deep or large, costs more than the limits. The sentence quotes nothing of the value.
 */
export function faultInJson(value: unknown, limits: JsonLimits): string | null {
  const tooLarge = `is larger than ${limits.characters} characters as JSON`;
  const open: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  let characters = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const depth = at.depth + 1;
    if (typeof at.value === "object" && at.value !== null) {
      if (depth > limits.depth) return `is nested more than ${limits.depth} levels deep`;
      characters += 2;
      const keys = Array.isArray(at.value) ? null : Object.keys(at.value);
      const children: unknown[] = Array.isArray(at.value) ? at.value : Object.values(at.value);
      // A comma between each two: a list of a million entries is refused before it is looked into.
      characters += Math.max(0, children.length - 1);
      if (characters > limits.characters) return tooLarge;
      for (const key of keys ?? []) {
        if (key === "__proto__") return "has a key __proto__, which is never valid";
        characters += quotedLength(key, limits.characters) + 1;
      }
      for (const child of children) open.push({ value: child, depth });
    } else {
      const length = scalarLength(at.value, limits.characters);
      if (length === null) return "holds something that is no JSON value";
      characters += length;
    }
    if (characters > limits.characters) return tooLarge;
  }
  return null;
}

function scalarLength(value: unknown, most: number): number | null {
  if (typeof value === "string") return quotedLength(value, most);
  if (value === null || typeof value === "boolean") return String(value).length;
  return typeof value === "number" && Number.isFinite(value) ? String(value).length : null;
}

/** Exact up to the limit; beyond it the plain length will do. */
function quotedLength(text: string, most: number): number {
  return text.length > most ? text.length : JSON.stringify(text).length;
}
