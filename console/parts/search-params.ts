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
