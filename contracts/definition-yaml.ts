import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { DefinitionFault } from "./definition-fault.ts";

export interface Position {
  line: number;
  column: number;
}

/** A YAML text as plain values, with the place of each. */
export interface YamlText {
  value: unknown;
  /** Faults of the text itself: then there is no value. */
  faults: (Position & { message: string })[];
  place(fault: Pick<DefinitionFault, "path" | "atKey" | "offset">): Position;
}

const maxLength = 1_000_000;
/** How often aliases may be expanded in all: more is a bomb, or a definition nobody can read. */
const maxAliasCount = 100;

/** Reads YAML 1.2. Duplicate keys, tags, several documents and aliases that multiply are faults. Never throws. */
export function readYaml(text: string): YamlText {
  const start = { line: 1, column: 1 };
  const unreadable = (message: string): YamlText => ({
    value: undefined,
    faults: [{ ...start, message }],
    place: () => start,
  });
  if (text.length > maxLength) return unreadable(`the file has more than ${maxLength} characters`);
  try {
    return readDocument(text);
  } catch (error) {
    return unreadable(`cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readDocument(text: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    resolveKnownTags: false,
    // "silent" would let a second document pass.
    logLevel: "error",
  });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  // A warning is a tag that means nothing here: the author meant something by it.
  const faults = [...document.errors, ...document.warnings].map(({ pos, code, message }) => ({
    ...position(pos[0]),
    message:
      code === "MULTIPLE_DOCS" ? "a file is one document: write several below `agents:`" : `is no YAML: ${message}`,
  }));
  const value: unknown = faults.length > 0 ? undefined : document.toJS({ maxAliasCount });
  return { value, faults, place: (fault) => position(offsetOf(document, text, fault)) };
}

/** Where a path leads, or as far as it leads. */
function offsetOf(
  document: Document.Parsed,
  text: string,
  { path, atKey = false, offset = 0 }: Pick<DefinitionFault, "path" | "atKey" | "offset">,
): number {
  let node: Node | null | undefined = document.contents;
  let best = node?.range?.[0] ?? 0;
  let whole = true;
  for (const [depth, part] of path.entries()) {
    const last = depth === path.length - 1;
    const inside: Node | null | undefined = isAlias(node) ? node.resolve(document) : node;
    if (isMap(inside)) {
      const pair = inside.items.find(({ key }) => (isScalar(key) ? String(key.value) : String(key)) === String(part));
      const keyOffset = (pair?.key as Node | undefined)?.range?.[0];
      if (pair === undefined || keyOffset === undefined) return best;
      node = pair.value as Node | null;
      best = last && atKey ? keyOffset : startOf(node, keyOffset);
    } else if (isSeq(inside)) {
      node = inside.items[Number(part)] as Node | undefined;
      if (node?.range === undefined || node.range === null) return best;
      best = node.range[0];
    } else {
      whole = false;
      break;
    }
  }
  return whole && offset > 0 ? best + withinScalar(node, text, offset) : best;
}

// The value of a key; for a map or a list that begins on a line of its own, the key says better where it is.
function startOf(node: Node | null | undefined, keyOffset: number): number {
  if (node === null || node === undefined || isMap(node) || isSeq(node)) return keyOffset;
  return node.range?.[0] ?? keyOffset;
}

/** How far into the text of a scalar a character of its value stands. Only what is written as it is can be found. */
function withinScalar(node: Node | null | undefined, text: string, offset: number): number {
  if (!isScalar(node) || typeof node.value !== "string" || node.range === undefined || node.range === null) return 0;
  const written = text.slice(node.range[0], node.range[1]).indexOf(node.value);
  return written === -1 ? 0 : written + offset;
}
