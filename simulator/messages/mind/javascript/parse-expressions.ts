import type { FunctionNode, Node, Property } from "./syntax.ts";
import type { Token } from "./tokens.ts";
import { Unsupported } from "./unsupported.ts";

/** The tokens with a place in them. */
export interface Reader {
  readonly source: string;
  peek(ahead?: number): Token;
  next(): Token;
  /** Takes the token when it is this word or sign. */
  take(text: string): boolean;
  expect(text: string): Token;
  is(text: string): boolean;
  /** Parses another stretch of the same source as one expression. */
  inside(start: number, end: number): Node;
  block(): Node;
}

const precedence: Record<string, number> = {
  "??": 1,
  "||": 2,
  "&&": 3,
  "|": 4,
  "^": 5,
  "&": 6,
  "==": 7,
  "!=": 7,
  "===": 7,
  "!==": 7,
  "<": 8,
  ">": 8,
  "<=": 8,
  ">=": 8,
  instanceof: 8,
  in: 8,
  "<<": 9,
  ">>": 9,
  ">>>": 9,
  "+": 10,
  "-": 10,
  "*": 11,
  "/": 11,
  "%": 11,
  "**": 12,
};
const assignments = new Set(["=", "+=", "-=", "*=", "/=", "%=", "**=", "&&=", "||=", "??="]);
const unary = new Set(["!", "-", "+", "~", "typeof", "void", "delete"]);
const reserved = new Set(["class", "yield", "super", "import", "export", "with", "debugger", "enum"]);

/** An expression, with commas. */
export function parseExpression(reader: Reader): Node {
  const first = parseAssignment(reader);
  if (!reader.is(",")) return first;
  const items = [first];
  while (reader.take(",")) items.push(parseAssignment(reader));
  return { type: "sequence", items, start: first.start, end: items.at(-1)?.end ?? first.end };
}

/** An expression without commas at its top. */
export function parseAssignment(reader: Reader): Node {
  const arrow = parseArrow(reader);
  if (arrow !== undefined) return arrow;
  const left = parseConditional(reader);
  const token = reader.peek();
  if (token.kind !== "punctuation" || !assignments.has(token.text)) return left;
  reader.next();
  const value = parseAssignment(reader);
  return {
    type: "assign",
    operator: token.text,
    target: left,
    value,
    operatorStart: token.start,
    start: left.start,
    end: value.end,
  };
}

function parseArrow(reader: Reader): Node | undefined {
  const start = reader.peek().start;
  const async =
    reader.is("async") && !reader.peek(1).afterNewline && (reader.peek(1).text === "(" || reader.peek(2).text === "=>");
  const offset = async ? 1 : 0;
  const first = reader.peek(offset);
  if (first.kind === "name" && reader.peek(offset + 1).text === "=>") {
    if (async) reader.next();
    const name = reader.next();
    return finishArrow(reader, start, async, [{ type: "name", name: name.text, start: name.start, end: name.end }]);
  }
  if (first.text !== "(" || first.kind !== "punctuation" || reader.peek(closing(reader, offset) + 1).text !== "=>")
    return undefined;
  if (async) reader.next();
  return finishArrow(reader, start, async, parseParameters(reader));
}

// The distance to the parenthesis that closes the one at the given distance.
function closing(reader: Reader, from: number): number {
  let depth = 0;
  for (let ahead = from; reader.peek(ahead).kind !== "end"; ahead += 1) {
    const { kind, text } = reader.peek(ahead);
    if (kind !== "punctuation") continue;
    if (["(", "[", "{"].includes(text)) depth += 1;
    if ([")", "]", "}"].includes(text)) depth -= 1;
    if (depth === 0) return ahead;
  }
  throw new Unsupported("brackets that do not balance");
}

function finishArrow(reader: Reader, start: number, async: boolean, parameters: Node[]): FunctionNode {
  reader.expect("=>");
  const body = reader.is("{") ? reader.block() : parseAssignment(reader);
  return { type: "function", name: undefined, parameters, body, arrow: true, async, start, end: body.end };
}

/** `(a, b = 1, ...rest)`. */
function parseParameters(reader: Reader): Node[] {
  reader.expect("(");
  return parseItems(reader, ")");
}

/** `function name(…) {…}` after its keyword. */
export function parseFunction(reader: Reader, start: number, async: boolean): FunctionNode {
  if (reader.is("*")) throw new Unsupported("generators");
  const name = reader.peek().kind === "name" ? reader.next().text : undefined;
  const parameters = parseParameters(reader);
  const body = reader.block();
  return { type: "function", name, parameters, body, arrow: false, async, start, end: body.end };
}

function parseConditional(reader: Reader): Node {
  const test = parseBinary(reader, 0);
  if (!reader.take("?")) return test;
  const yes = parseAssignment(reader);
  reader.expect(":");
  const no = parseAssignment(reader);
  return { type: "conditional", test, yes, no, start: test.start, end: no.end };
}

function parseBinary(reader: Reader, least: number): Node {
  let left = parseUnary(reader);
  for (;;) {
    const token = reader.peek();
    const operator = token.kind === "punctuation" || token.text === "in" || token.text === "instanceof";
    const level = operator && token.kind !== "string" ? precedence[token.text] : undefined;
    if (level === undefined || level <= least) return left;
    reader.next();
    // `**` binds to the right.
    const right = parseBinary(reader, token.text === "**" ? level - 1 : level);
    left = {
      type: "binary",
      operator: token.text,
      left,
      right,
      operatorStart: token.start,
      start: left.start,
      end: right.end,
    };
  }
}

function parseUnary(reader: Reader): Node {
  const token = reader.peek();
  if (token.kind !== "string" && unary.has(token.text)) {
    reader.next();
    const argument = parseUnary(reader);
    return { type: "unary", operator: token.text, argument, start: token.start, end: argument.end };
  }
  if (token.kind === "name" && token.text === "await") {
    reader.next();
    const argument = parseUnary(reader);
    return { type: "await", argument, start: token.start, end: argument.end };
  }
  if (token.kind === "punctuation" && (token.text === "++" || token.text === "--")) {
    reader.next();
    const argument = parseUnary(reader);
    return {
      type: "update",
      operator: token.text,
      prefix: true,
      argument,
      operatorStart: token.start,
      start: token.start,
      end: argument.end,
    };
  }
  const argument = parsePostfix(reader, parsePrimary(reader));
  const after = reader.peek();
  if (after.kind !== "punctuation" || after.afterNewline || (after.text !== "++" && after.text !== "--"))
    return argument;
  reader.next();
  return {
    type: "update",
    operator: after.text,
    prefix: false,
    argument,
    operatorStart: after.start,
    start: argument.start,
    end: after.end,
  };
}

function parsePostfix(reader: Reader, first: Node): Node {
  let node = first;
  for (;;) {
    const { start } = node;
    const token = reader.peek();
    if (token.kind !== "punctuation") {
      if (token.kind === "template") throw new Unsupported("tagged templates");
      return node;
    }
    const optional = token.text === "?.";
    if (optional) reader.next();
    if (reader.is("(")) {
      reader.next();
      const args = parseItems(reader, ")");
      node = { type: "call", callee: node, args, optional, start, end: lastEnd(reader) };
    } else if (reader.is("[")) {
      const { end: keyStart } = reader.next();
      const key = parseExpression(reader);
      const { end } = reader.expect("]");
      node = { type: "member", object: node, key, keyStart, optional, start, end };
    } else if (optional || reader.take(".")) {
      const key = reader.next();
      if (key.kind !== "name") throw new Unsupported("private members");
      node = { type: "member", object: node, key: key.text, keyStart: key.start, optional, start, end: key.end };
    } else return node;
  }
}

const lastEnd = (reader: Reader): number => reader.peek(-1).end;

/** Items up to a closing bracket, with spreads. */
function parseItems(reader: Reader, close: string): Node[] {
  const items: Node[] = [];
  while (!reader.take(close)) {
    items.push(parseItem(reader));
    if (!reader.is(close)) reader.expect(",");
  }
  return items;
}

function parseItem(reader: Reader): Node {
  const { start } = reader.peek();
  if (!reader.take("...")) return parseAssignment(reader);
  const argument = parseAssignment(reader);
  return { type: "spread", argument, start, end: argument.end };
}

function parsePrimary(reader: Reader): Node {
  const token = reader.next();
  const { start, end } = token;
  switch (token.kind) {
    case "number":
      return { type: "literal", value: Number(token.text), start, end };
    case "string":
      return { type: "literal", value: token.text, start, end };
    case "template": {
      const { texts = [], holes = [] } = token.parts ?? {};
      return { type: "template", texts, holes: holes.map((hole) => reader.inside(hole.start, hole.end)), start, end };
    }
    case "regex": {
      const slash = token.text.lastIndexOf("/");
      return { type: "regex", pattern: token.text.slice(1, slash), flags: token.text.slice(slash + 1), start, end };
    }
    case "name":
      return parseWord(reader, token);
    case "punctuation":
      break;
    case "end":
      throw new Unsupported("an end in the middle");
  }
  if (token.text === "(") {
    const inner = parseExpression(reader);
    // With its parentheses, so that an edit that replaces it replaces them too.
    return { ...inner, start, end: reader.expect(")").end };
  }
  if (token.text === "[") return parseArray(reader, start);
  if (token.text === "{") return parseObject(reader, start);
  throw new Unsupported(`"${token.text}" here`);
}

function parseWord(reader: Reader, { text, start, end }: Token): Node {
  if (text === "true" || text === "false") return { type: "literal", value: text === "true", start, end };
  if (text === "null") return { type: "literal", value: null, start, end };
  if (text === "this") return { type: "this", start, end };
  if (text === "function") return parseFunction(reader, start, false);
  if (text === "async" && reader.is("function")) {
    reader.next();
    return parseFunction(reader, start, true);
  }
  if (text === "new") {
    const name = reader.next();
    const callee: Node = { type: "name", name: name.text, start: name.start, end: name.end };
    const args = reader.take("(") ? parseItems(reader, ")") : [];
    return { type: "new", callee, args, start, end: lastEnd(reader) };
  }
  if (reserved.has(text)) throw new Unsupported(text);
  return { type: "name", name: text, start, end };
}

function parseArray(reader: Reader, start: number): Node {
  const items: (Node | undefined)[] = [];
  while (!reader.is("]")) {
    if (reader.take(",")) {
      items.push(undefined);
      continue;
    }
    items.push(parseItem(reader));
    if (!reader.is("]")) reader.expect(",");
  }
  return { type: "array", items, start, end: reader.expect("]").end };
}

function parseObject(reader: Reader, start: number): Node {
  const properties: Property[] = [];
  while (!reader.is("}")) {
    properties.push(parseProperty(reader));
    if (!reader.is("}")) reader.expect(",");
  }
  return { type: "object", properties, start, end: reader.expect("}").end };
}

function parseProperty(reader: Reader): Property {
  if (reader.is("...")) {
    const spread = parseItem(reader);
    return { key: undefined, value: spread };
  }
  const next = reader.peek(1).text;
  const plain = next === ":" || next === "," || next === "}" || next === "(" || next === "=";
  if (!plain && (reader.is("get") || reader.is("set") || reader.is("*"))) throw new Unsupported("accessors");
  const async = !plain && reader.take("async");
  const token = reader.next();
  let key: string | Node = token.text;
  if (token.kind === "punctuation") {
    if (token.text !== "[") throw new Unsupported("this property");
    key = parseAssignment(reader);
    reader.expect("]");
  } else if (token.kind === "number") key = String(Number(token.text));
  if (reader.is("(")) return { key, value: parseMethod(reader, token.start, async) };
  if (reader.take(":")) return { key, value: parseAssignment(reader) };
  if (token.kind !== "name") throw new Unsupported("this property");
  const name: Node = { type: "name", name: token.text, start: token.start, end: token.end };
  const { start: operatorStart } = reader.peek();
  if (!reader.take("=")) return { key, value: name };
  const value = parseAssignment(reader);
  return {
    key,
    value: { type: "assign", operator: "=", target: name, value, operatorStart, start: token.start, end: value.end },
  };
}

function parseMethod(reader: Reader, start: number, async: boolean): FunctionNode {
  const parameters = parseParameters(reader);
  const body = reader.block();
  return { type: "function", name: undefined, parameters, body, arrow: false, async, start, end: body.end };
}
