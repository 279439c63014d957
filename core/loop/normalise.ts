import { spelledOnce } from "./spelling.ts";
import { isMomentField, isRequestField, isVolatileArgument, nameInSnakeCase, withoutVolatileText } from "./volatile.ts";

/** Characters looked at: of longer texts the two ends, and the length. */
const lookedAt = 65_536;
const deepest = 40;

/** What the built-in tools take when an argument is left out. */
const defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  list_directory: { path: ".", depth: 1 },
  read_file: { offset: 1 },
};

/**
 * Canonical text of a call's arguments, equal for calls that mean the same: whatever the order of keys, the spelling of
 * paths and blanks, the letter case of choices, and ids or times that only mark the request. Never throws.
 */
export function normaliseArguments(tool: string, args: Record<string, unknown>): string {
  const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null && value !== undefined));
  return atMost(argumentText("", { ...defaults[tool], ...given }, 0));
}

function argumentText(name: string, value: unknown, depth: number): string {
  if (typeof value === "string") {
    const text = spelledOnce(name, atMost(value));
    return /^-?\d{1,15}$/.test(text) ? text : JSON.stringify(text);
  }
  if (typeof value !== "object" || value === null) return String(value);
  if (depth > deepest) return "<deep>";
  if (Array.isArray(value)) return `[${value.map((item) => argumentText(name, item, depth + 1)).join(",")}]`;
  const fields = Object.entries(value)
    .filter(([key, item]) => item !== null && item !== undefined && !isVolatileArgument(key, item))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${argumentText(key, item, depth + 1)}`);
  return `{${fields.join(",")}}`;
}

/**
 * Canonical text of an answer, equal for answers to the same call that say the same at another time: without durations,
 * times, process ids, ports, temporary paths and random ids. The content of a file stays letter by letter, and so do
 * all other numbers. Never throws.
 */
export function normaliseResult(text: string): string {
  const value = jsonIn(text);
  return value === undefined ? withoutVolatileText(atMost(text)) : fieldText("", value, { strings: "shapes" }, 0);
}

export interface FieldRules {
  /** Whether times and ids inside texts are taken out, or only fields that are volatile by their name. */
  strings: "shapes" | "verbatim";
  /** Fields that repeat an argument say nothing: under its own name, or as the page asked for. */
  echoes?: Record<string, unknown>;
  /** An act done twice gives two ids: they do not make it another act. */
  withoutIds?: boolean;
}

/** As `normaliseResult`, by other rules. */
export function answerText(text: string, rules: FieldRules): string {
  const value = jsonIn(text);
  if (value !== undefined) return fieldText("", value, rules, 0);
  return rules.strings === "shapes" ? withoutVolatileText(atMost(text)) : atMost(text);
}

function fieldText(name: string, value: unknown, rules: FieldRules, depth: number): string {
  if (typeof value === "string") {
    return JSON.stringify(rules.strings === "verbatim" || name === "content" ? value : withoutVolatileText(value));
  }
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => fieldText(name, item, rules, depth + 1)).join(",")}]`;
  const fields = Object.entries(value)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(
      ([key, item]) =>
        `${JSON.stringify(key)}:${saysNothing(key, item, rules) ? "<>" : fieldText(key, item, rules, depth + 1)}`,
    );
  return `{${fields.join(",")}}`;
}

function saysNothing(key: string, item: unknown, rules: FieldRules): boolean {
  if (typeof item === "object" && item !== null) return false;
  if (isRequestField(key) || (rules.strings === "shapes" && isMomentField(key))) return true;
  if (rules.withoutIds === true && /(?:^|_)id$/.test(nameInSnakeCase(key))) return true;
  if (rules.echoes === undefined) return false;
  if (Object.hasOwn(rules.echoes, key)) return rules.echoes[key] === item;
  return /page|offset|skip|cursor/i.test(key) && Object.values(rules.echoes).includes(item);
}

/** The object or list a text holds, unless the text is too long or the value too deep to be worth it. */
export function jsonIn(text: string): object | undefined {
  if (text.length > lookedAt || !/^\s{0,100}[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && depthOf(value) <= deepest ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Without recursion; stops soon after the limit. */
function depthOf(value: object): number {
  let level: unknown[] = [value];
  let depth = 0;
  while (level.length > 0 && depth <= deepest) {
    depth += 1;
    level = level.flatMap((item): unknown[] => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return depth;
}

function atMost(text: string): string {
  if (text.length <= lookedAt) return text;
  return `${text.slice(0, lookedAt / 2)}<${text.length}>${text.slice(-lookedAt / 2)}`;
}
