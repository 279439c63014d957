import { jsonrepair } from "jsonrepair";

/** How the JSON of an answer was found. */
export type Extraction = "as_is" | "fenced_block" | "embedded" | "mended";

const longestText = 2_000_000;

/** Candidates for the JSON value that a text is meant to be, the most literal reading first. Lazy: mending is slow. */
export function* extractions(text: string, repair: boolean): Generator<{ value: unknown; how: Extraction }> {
  if (text.length > longestText) return;
  const whole = parsed(text);
  if (whole !== undefined) yield { value: whole.value, how: "as_is" };
  if (whole !== undefined || !repair) return;
  const blocks = fencedBlocks(text);
  for (const block of blocks) {
    const value = parsed(block);
    if (value !== undefined) yield { value: value.value, how: "fenced_block" };
  }
  const embedded = outermost(text);
  const value = embedded === null ? undefined : parsed(embedded);
  if (value !== undefined) yield { value: value.value, how: "embedded" };
  for (const part of [...blocks, ...(embedded === null ? [] : [embedded]), fromFirstBracket(text)]) {
    const mended = mend(part);
    if (mended !== undefined) yield { value: mended, how: "mended" };
  }
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** Any prose can be mended into some string: only objects and lists are believed. */
function mend(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(jsonrepair(text));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What stands between lines of three backticks. A block that never ends goes to the end. */
function fencedBlocks(text: string): string[] {
  const blocks: string[] = [];
  let block: string[] | null = null;
  for (const line of text.split("\n")) {
    if (line.trimStart().startsWith("```")) {
      if (block !== null) blocks.push(block.join("\n"));
      block = block === null ? [] : null;
    } else block?.push(line);
  }
  if (block !== null) blocks.push(block.join("\n"));
  return blocks;
}

function outermost(text: string): string | null {
  const from = text.search(/[[{]/);
  if (from < 0) return null;
  const to = text.lastIndexOf(text[from] === "{" ? "}" : "]");
  return to > from ? text.slice(from, to + 1) : null;
}

const fromFirstBracket = (text: string): string => text.slice(Math.max(text.search(/[[{]/), 0));
