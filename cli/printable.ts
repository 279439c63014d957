// Names, diffs and agents' words come from others: an escape sequence in them could rewrite what the terminal shows.
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Text without terminal escapes, control and bidirectional-override characters; line breaks and tabs stay. */
export function printable(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(controls, (character) => (character === "\n" || character === "\t" ? character : "\u{fffd}"));
}

/** The same on one line, cut to a length. */
export function oneLine(text: string, length = Number.POSITIVE_INFINITY): string {
  const flat = printable(text.replace(/\s+/g, " ")).trim();
  return flat.length > length ? `${flat.slice(0, Math.max(0, length - 1))}…` : flat;
}

/** Any JSON value as text: strings as they are, `otherwise` for what is not there. */
export function asText(value: unknown, otherwise = ""): string {
  if (value === null || value === undefined) return otherwise;
  return typeof value === "string" ? value : JSON.stringify(value);
}
