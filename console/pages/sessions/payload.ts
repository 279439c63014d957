/** What an event carries: the provider's words, or ours, of a shape nobody promises. */
export type Fields = Readonly<Record<string, unknown>>;

/** Any value as fields; empty when it has none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** A text or a number as text; empty for all else. */
export function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** The words of content blocks; what is no text is named. */
export function wordsOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block: unknown) => {
      const { type, text } = fieldsOf(block);
      return typeof text === "string" ? text : `[${word(type) || "something that is no text"}]`;
    })
    .join("");
}

/** Fields from JSON; undefined when it is none. */
export function fieldsIn(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
