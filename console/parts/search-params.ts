/** The text parameters of a page's address: those named, when they are not empty, and no others. */
export function textSearch<Name extends string>(...names: Name[]) {
  return (search: Record<string, unknown>): { [Key in Name]?: string } => {
    const found: { [Key in Name]?: string } = {};
    for (const name of names) {
      const value = search[name];
      // The router reads `?q=7` as a number.
      const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
      if (typeof text === "string" && text !== "") found[name] = text;
    }
    return found;
  };
}

/** A page's address with some parameters changed; those that become undefined are gone. */
export function changedSearch<Search extends object>(
  before: Search,
  change: { [Key in keyof Search]?: Search[Key] | undefined },
): Search {
  return Object.fromEntries(
    Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined),
  ) as Search;
}
