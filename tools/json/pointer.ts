/** JSON pointers (RFC 6901) into plain JSON. Changes make a copy; a property called `__proto__` is only a property. */

export function at(value: unknown, pointer: string): unknown {
  return names(pointer).reduce<unknown>((here, name) => member(here, name), value);
}

/** A copy with another value at the pointer, which must lead somewhere. */
export function replace(value: unknown, pointer: string, other: unknown): unknown {
  return changed(value, names(pointer), () => other);
}

/** A copy without one member of the object at the pointer; null when there is no such member. */
export function remove(value: unknown, pointer: string, name: string): unknown {
  const holder = at(value, pointer);
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, name)) return null;
  const rest = Object.entries(holder).filter(([other]) => other !== name);
  return changed(value, names(pointer), () => Object.fromEntries(rest));
}

function changed(value: unknown, path: readonly string[], change: (here: unknown) => unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === name ? changed(item, rest, change) : (item as unknown)));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, key === name ? changed(item, rest, change) : (item as unknown)]),
  );
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

const names = (pointer: string): string[] =>
  pointer === ""
    ? []
    : pointer
        .slice(1)
        .split("/")
        .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
