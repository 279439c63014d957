import { jsonIn } from "./normalise.ts";

/** Texts in which a tool speaks, not a file. */
const spoken = /^(?:stdout|stderr|message|detail|details|reason|error|hint|note|output|text|result)$/i;
const stateNames = /^(?:status|state|phase|stage|condition|conclusion|progress_state|job_status|run_status)$/i;
const doneNames = /^(?:done|ready|complete|completed|finished|is_done|is_ready|is_complete)$/i;
const waitingState =
  /^(?!missing|failing)(?:\w+[ _-])?(?:\w+ing(?:[ _-]\w+){0,3}|queued|enqueued|scheduled|submitted|in[ _-]?progress|not[ _-]?(?:ready|started|yet)|incomplete|partial)$/i;

/** What one answer says, as far as it can be told without knowing the tool. */
export interface Answer {
  /** The object or list it is, if it is one. */
  value: object | undefined;
  text: string;
  exitCode: number | null;
}

export function readAnswer(text: string): Answer {
  const value = jsonIn(text);
  const exitCode = value !== undefined && "exit_code" in value ? value.exit_code : null;
  return { value, text: text.slice(0, 65_536), exitCode: typeof exitCode === "number" ? exitCode : null };
}

type Leaf = readonly [name: string, value: unknown];

/** Every field with what it holds, lists with more than one entry left out: things of which some wait are content. */
function leavesOf(value: object, lists: "all" | "single"): Leaf[] {
  const leaves: Leaf[] = [];
  const open: Leaf[] = [["", value]];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [name, item] = at;
    if (typeof item !== "object" || item === null) leaves.push(at);
    else if (!Array.isArray(item)) for (const entry of Object.entries(item)) open.push(entry);
    else if (item.length === 0) leaves.push([name, null]);
    else if (lists === "all" || item.length === 1) for (const entry of item) open.push([name, entry]);
  }
  return leaves;
}

/** What the tool says in words: its output and messages, or all of a plain text. */
export function wordsOf({ value, text }: Answer): string {
  if (value === undefined) return text;
  const words = leavesOf(value, "single").flatMap(([name, item]) =>
    typeof item === "string" && spoken.test(name) ? [item] : [],
  );
  return words.join("\n");
}

/** Something under way that calls for patience, by a field: `"state": "queued"`, `"done": false`, `"progress": 40`. */
export function stateIn(value: object): "waiting" | "settled" | null {
  const leaves = leavesOf(value, "single");
  const states = leaves.filter(([name, item]) => typeof item === "string" && stateNames.test(name));
  if (states.some(([, item]) => waitingState.test(String(item).slice(0, 60)))) return "waiting";
  if (leaves.some(([name, item]) => item === false && doneNames.test(name))) return "waiting";
  if (leaves.some(([name, item]) => item === null && /^(?:finished|completed|ended)_?at$/i.test(name)))
    return "waiting";
  if (isPartial(leaves)) return "waiting";
  return states.length > 0 ? "settled" : null;
}

/** `"progress": 40`, or `"processed": 120, "total": 400`. */
function isPartial(leaves: readonly Leaf[]): boolean {
  const most = (names: RegExp) =>
    leaves.reduce(
      (high, [name, item]) => (typeof item === "number" && names.test(name) ? Math.max(high, item) : high),
      -1,
    );
  const progress = most(/^(?:progress|percent_?(?:complete|done))$/i);
  if (progress >= 0 && progress < 100) return true;
  const part = most(/^(?:processed|ready|completed|done|finished|indexed)(?:_[a-z]+)?$/i);
  return part >= 0 && part < most(/^(?:total|desired|replicas|expected)$/i);
}

const countNames =
  /^(?:total|count|page|pages|per_page|limit|offset|size|exit_code|took|depth|n|found|matched|hits|end|last|next|from|to|start|length|bytes|rows|max|position|version|total_.*|.*_(?:count|total|ms|pages|lines|seconds))$/i;
const nothingFound =
  /^(?:(?:there (?:are|is) )?(?:no|0|zero) (?:\w+ ){0,3}(?:results?|matches|match|hits?|entries|items?|records?|documents?|tools?|files?|rows?|lines?|found|data)|nothing (?:was )?(?:found|match\w*)|found (?:no|0|nothing)|.{0,80}\bdid not match any|none|null|\[\]|\{\})/i;

/** Holds nothing: empty lists and texts, counts, and what the arguments said already. */
export function isEmptyAnswer({ value, text }: Answer, args: Record<string, unknown>): boolean {
  if (value === undefined) return text.trim() === "" || (text.length < 300 && nothingFound.test(text.trim()));
  const said = new Set(Object.values(args));
  let empty = Array.isArray(value) && value.length === 0;
  for (const [name, item] of leavesOf(value, "all")) {
    if (
      item === null ||
      item === "" ||
      (item === false && name === "found") ||
      (typeof item === "string" && nothingFound.test(item))
    )
      empty = true;
    else if (typeof item === "boolean" || said.has(item)) continue;
    else if (typeof item === "number" && (item === 0 || countNames.test(name))) continue;
    else if (
      typeof item === "string" &&
      /^(?:message|hint|note|query|path|status|type|next|cursor)$/i.test(name) &&
      item.length < 300
    )
      continue;
    else return false;
  }
  return empty;
}

/** Short answers to different questions are often the same honestly (`200`, `{"valid":true}`); lists and long ones are not. */
export function isFullAnswer({ value, text }: Answer): boolean {
  const said = value === undefined || !("stdout" in value) ? text : String(value.stdout);
  if (said.length >= 64) return true;
  return value !== undefined && Object.values(value).some((item) => Array.isArray(item) && item.length > 0);
}
