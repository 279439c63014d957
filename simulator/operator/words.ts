export interface Span {
  start: number;
  end: number;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * Where a phrase stands in a text as whole words. Case, and whether its words are joined by spaces, hyphens or
 * underscores, make no difference; a hyphen joins words, so a name is not found in a compound that it begins.
 */
export function mentions(text: string, phrase: string): Span[] {
  const words = phrase.split(/[\s_-]+/).filter((word) => word !== "");
  if (words.length === 0) return [];
  const pattern = `(?<![\\p{L}\\p{N}_@./-])${words.map(escaped).join("[\\s_-]+")}(?![\\p{L}\\p{N}_@/]|[-.][\\p{L}\\p{N}])`;
  return [...text.matchAll(new RegExp(pattern, "giu"))].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
}

export const overlaps = (a: Span, b: Span): boolean => a.start < b.end && b.start < a.end;

/** Blanks spans out, keeping every other position. */
export function blank(text: string, spans: Span[], filler = " "): string {
  let result = text;
  for (const { start, end } of spans) result = result.slice(0, start) + filler.repeat(end - start) + result.slice(end);
  return result;
}

const commonWords = new Set(
  `a about access across after agent agents all also an and any app application are as assistant at based be been best bot
  but by can common could create data do does each existing find for from general get give has have help helps how i if
  in into is it its just keep kind like list look main make manage management mcp me more my need needs new no not of on
  one only or other our out over own people person please provide server servers service set should skill skills some
  support system task tasks team that the their them then there these they thing this through to tool tools up us use
  used user users uses using via want wants was way we what when which who will with work works would you your`.split(
    /\s+/,
  ),
);

/** The words of a text that carry meaning, reduced to a rough stem. */
export function meaningfulStems(text: string): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => word.length > 2 && !commonWords.has(word)).map(stem));
}

/** A word without its commonest English endings: enough to see that `prospecting` and `prospector` belong together. */
export function stem(word: string): string {
  const bare = word.toLowerCase();
  const cut = bare.replace(/(?:ations?|ators?|ings?|ers?|ors?|ies|ed|es|s|y|ion|ions)$/, "");
  return cut.length >= 4 ? cut.replace(/([^aeiou])\1$/, "$1").replace(/e$/, "") : bare.replace(/s$/, "");
}

/** `a`, `b` and `c`. */
export function enumerate(items: string[], last = "and"): string {
  if (items.length <= 1) return items.join("");
  return `${items.slice(0, -1).join(", ")} ${last} ${items.at(-1)}`;
}

export const code = (text: string): string => `\`${text}\``;
