import { Unsupported } from "./unsupported.ts";

export interface Token {
  kind: "name" | "number" | "string" | "template" | "regex" | "punctuation" | "end";
  /** The text; of strings the value. */
  text: string;
  start: number;
  end: number;
  afterNewline: boolean;
  /** Of templates: the texts between, and where the expressions stand. */
  parts?: { texts: string[]; holes: { start: number; end: number }[] };
}

const punctuation = [
  ">>>=",
  "...",
  "===",
  "!==",
  "**=",
  "<<=",
  ">>=",
  ">>>",
  "&&=",
  "||=",
  "??=",
  "=>",
  "==",
  "!=",
  "<=",
  ">=",
  "&&",
  "||",
  "??",
  "?.",
  "++",
  "--",
  "+=",
  "-=",
  "*=",
  "/=",
  "%=",
  "**",
  "<<",
  ">>",
  "{",
  "}",
  "(",
  ")",
  "[",
  "]",
  ";",
  ",",
  "<",
  ">",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&",
  "|",
  "^",
  "!",
  "~",
  "?",
  ":",
  "=",
  ".",
];
const beforeRegex = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "throw",
  "new",
  "await",
  "else",
]);
const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", "0": "\0" };

/** Cuts JavaScript into tokens; comments and white space fall away. */
export function tokenize(source: string, from = 0, to = source.length): Token[] {
  const tokens: Token[] = [];
  let at = from;
  let afterNewline = false;
  const push = (kind: Token["kind"], text: string, end: number, parts?: Token["parts"]) => {
    tokens.push({ kind, text, start: at, end, afterNewline, ...(parts === undefined ? {} : { parts }) });
    at = end;
    afterNewline = false;
  };
  while (at < to) {
    const rest = source.slice(at, to);
    const blank = /^(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|#![^\n]*)/.exec(rest)?.[0];
    if (blank !== undefined) {
      if (blank.includes("\n")) afterNewline = true;
      at += blank.length;
      continue;
    }
    const name = /^[\p{L}_$][\p{L}\p{N}_$]*/u.exec(rest)?.[0];
    const number = /^(?:0x[\da-f_]+|0b[01_]+|0o[0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d+)?)/i.exec(
      rest,
    )?.[0];
    const first = rest.charAt(0);
    if (name !== undefined) push("name", name, at + name.length);
    else if (number !== undefined) push("number", number.replaceAll("_", ""), at + number.length);
    else if (first === '"' || first === "'") {
      const { value, end } = readString(source, at + 1, first, to);
      push("string", value, end);
    } else if (first === "`") {
      const { parts, end } = readTemplate(source, at + 1, to);
      push("template", "", end, parts);
    } else if (first === "/" && regexMayStart(tokens.at(-1))) {
      const regex = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/.exec(rest)?.[0];
      if (regex === undefined) throw new Unsupported("a regular expression that does not end");
      push("regex", regex, at + regex.length);
    } else {
      const found = punctuation.find((one) => rest.startsWith(one));
      if (found === undefined) throw new Unsupported(`the character ${first}`);
      push("punctuation", found, at + found.length);
    }
  }
  push("end", "", to);
  return tokens;
}

function regexMayStart(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === "name") return beforeRegex.has(before.text);
  return before.kind === "punctuation" && ![")", "]", "}"].includes(before.text);
}

function readString(source: string, from: number, quote: string, to: number): { value: string; end: number } {
  let value = "";
  for (let at = from; at < to; at += 1) {
    const character = source.charAt(at);
    if (character === quote) return { value, end: at + 1 };
    if (character === "\n") break;
    if (character !== "\\") {
      value += character;
      continue;
    }
    const escaped = readEscape(source, at + 1);
    value += escaped.value;
    at += escaped.length;
  }
  throw new Unsupported("a string that does not end");
}

function readEscape(source: string, at: number): { value: string; length: number } {
  const code = /^(?:u\{([\da-f]+)\}|u([\da-f]{4})|x([\da-f]{2}))/i.exec(source.slice(at, at + 12));
  if (code !== null) {
    const value = String.fromCodePoint(Number.parseInt(code[1] ?? code[2] ?? code[3] ?? "", 16));
    return { value, length: code[0].length };
  }
  const character = source.charAt(at);
  return { value: character === "\n" ? "" : (escapes[character] ?? character), length: 1 };
}

function readTemplate(source: string, from: number, to: number): { parts: NonNullable<Token["parts"]>; end: number } {
  const texts: string[] = [];
  const holes: { start: number; end: number }[] = [];
  let text = "";
  for (let at = from; at < to; at += 1) {
    const character = source.charAt(at);
    if (character === "`") return { parts: { texts: [...texts, text], holes }, end: at + 1 };
    if (character === "\\") {
      const escaped = readEscape(source, at + 1);
      text += escaped.value;
      at += escaped.length;
    } else if (character === "$" && source.charAt(at + 1) === "{") {
      const end = endOfHole(source, at + 2, to);
      texts.push(text);
      holes.push({ start: at + 2, end });
      text = "";
      at = end;
    } else text += character;
  }
  throw new Unsupported("a template that does not end");
}

// Braces inside strings of a hole are beyond this reader only when they do not balance.
function endOfHole(source: string, from: number, to: number): number {
  let depth = 0;
  for (let at = from; at < to; at += 1) {
    const character = source.charAt(at);
    if (character === "`") at = readTemplate(source, at + 1, to).end - 1;
    else if (character === "{") depth += 1;
    else if (character === "}") {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  throw new Unsupported("a template that does not end");
}
