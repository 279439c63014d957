import { parseAssignment, parseExpression, parseFunction, type Reader } from "./parse-expressions.ts";
import type { Node, NodeOf } from "./syntax.ts";
import { tokenize } from "./tokens.ts";
import { Unsupported } from "./unsupported.ts";

/** Parses a module. Throws `Unsupported` for what is beyond this reader. */
export function parseModule(source: string): Node[] {
  const reader = readerOf(source, 0, source.length);
  const body: Node[] = [];
  while (reader.peek().kind !== "end") body.push(...parseStatement(reader));
  return body;
}

function readerOf(source: string, from: number, to: number): Reader {
  const tokens = tokenize(source, from, to);
  const last = tokens.length - 1;
  let at = 0;
  const peek = (ahead = 0) => {
    const token = tokens[Math.min(Math.max(at + ahead, 0), last)];
    if (token === undefined) throw new Unsupported("nothing");
    return token;
  };
  const is = (text: string) => {
    const token = peek();
    return token.text === text && (token.kind === "punctuation" || token.kind === "name");
  };
  const next = () => {
    const token = peek();
    at += 1;
    return token;
  };
  const reader: Reader = {
    source,
    peek,
    is,
    next,
    take: (text) => is(text) && next() !== undefined,
    expect: (text) => {
      if (!is(text)) throw new Unsupported(`"${peek().text}" instead of "${text}"`);
      return next();
    },
    inside: (start, end) => parseExpression(readerOf(source, start, end)),
    block: () => parseBlock(reader),
  };
  return reader;
}

function parseBlock(reader: Reader): Node {
  const { start } = reader.expect("{");
  const body: Node[] = [];
  while (!reader.is("}")) body.push(...parseStatement(reader));
  return { type: "block", body, start, end: reader.expect("}").end };
}

// A statement ends with `;`, before `}`, or at the end of its line.
function endStatement(reader: Reader): void {
  if (reader.take(";")) return;
  const token = reader.peek();
  if (token.kind !== "end" && !token.afterNewline && !reader.is("}")) throw new Unsupported(`"${token.text}" here`);
}

// An empty statement is no statement.
function parseStatement(reader: Reader): Node[] {
  if (reader.take(";")) return [];
  const { start, kind, text } = reader.peek();
  const done = (node: Statement): Node[] => {
    const { end } = reader.peek(-1);
    return [{ ...node, start, end }];
  };
  if (kind === "punctuation" && text === "{") return [parseBlock(reader)];
  if (kind !== "name") return parseExpressionStatement(reader);
  if (reader.peek(1).text === ":" && kind === "name") throw new Unsupported("labels");
  switch (text) {
    case "const":
    case "let":
    case "var": {
      const variables = parseVariables(reader);
      endStatement(reader);
      return [variables];
    }
    case "function":
      reader.next();
      return [parseFunction(reader, start, false)];
    case "async":
      if (reader.peek(1).text !== "function") return parseExpressionStatement(reader);
      reader.next();
      reader.next();
      return [parseFunction(reader, start, true)];
    case "if": {
      reader.next();
      const test = parseCondition(reader);
      const yes = one(parseStatement(reader), start);
      const no = reader.take("else") ? one(parseStatement(reader), start) : undefined;
      return done({ type: "if", test, yes, no });
    }
    case "for":
      return done(parseFor(reader));
    case "while": {
      reader.next();
      const test = parseCondition(reader);
      return done({ type: "while", test, body: one(parseStatement(reader), start), first: true });
    }
    case "do": {
      reader.next();
      const body = one(parseStatement(reader), start);
      reader.expect("while");
      const test = parseCondition(reader);
      reader.take(";");
      return done({ type: "while", test, body, first: false });
    }
    case "return":
    case "throw": {
      reader.next();
      const ends = reader.is(";") || reader.is("}") || reader.peek().afterNewline || reader.peek().kind === "end";
      const argument = ends ? undefined : parseExpression(reader);
      endStatement(reader);
      if (text === "return") return done({ type: "return", argument });
      if (argument === undefined) throw new Unsupported("a throw of nothing");
      return done({ type: "throw", argument });
    }
    case "break":
    case "continue":
      reader.next();
      endStatement(reader);
      return done({ type: text });
    case "try":
      return done(parseTry(reader));
    case "switch":
      return done(parseSwitch(reader));
    case "import":
      return done(parseImport(reader));
    case "export":
      return done(parseExport(reader));
    default:
      return parseExpressionStatement(reader);
  }
}

type Without<Type> = Type extends Node ? Omit<Type, "start" | "end"> : never;
type Statement = Without<Node>;

function parseExpressionStatement(reader: Reader): Node[] {
  const expression = parseExpression(reader);
  endStatement(reader);
  return [{ type: "expression", expression, start: expression.start, end: expression.end }];
}

function one(nodes: Node[], start: number): Node {
  return nodes[0] ?? { type: "block", body: [], start, end: start };
}

function parseCondition(reader: Reader): Node {
  reader.expect("(");
  const test = parseExpression(reader);
  reader.expect(")");
  return test;
}

function parseVariables(reader: Reader): NodeOf<"variables"> {
  const { start } = reader.next();
  const declarations: NodeOf<"variables">["declarations"] = [];
  do {
    const element = parseAssignment(reader);
    const assigned = element.type === "assign" && element.operator === "=";
    declarations.push(
      assigned ? { target: element.target, value: element.value } : { target: element, value: undefined },
    );
  } while (reader.take(","));
  return { type: "variables", declarations, start, end: reader.peek(-1).end };
}

function parseFor(reader: Reader): Statement {
  reader.expect("for");
  if (reader.is("await")) throw new Unsupported("for await");
  reader.expect("(");
  const declared = reader.is("const") || reader.is("let") || reader.is("var");
  // `for (const x of …)`: the target is the declaration's, and stops before `of` or `in`.
  const each = declared ? parseEach(reader) : undefined;
  if (each !== undefined) return each;
  const setup = reader.is(";") ? undefined : declared ? parseVariables(reader) : parseExpression(reader);
  reader.expect(";");
  const test = reader.is(";") ? undefined : parseExpression(reader);
  reader.expect(";");
  const update = reader.is(")") ? undefined : parseExpression(reader);
  reader.expect(")");
  const { start } = reader.peek();
  return { type: "for", setup, test, update, body: one(parseStatement(reader), start) };
}

function parseEach(reader: Reader): Statement | undefined {
  let ahead = 1;
  let depth = 0;
  for (; ; ahead += 1) {
    const { kind, text } = reader.peek(ahead);
    if (kind === "end") return undefined;
    if (kind === "punctuation") {
      if (["[", "{", "("].includes(text)) depth += 1;
      if (["]", "}", ")"].includes(text)) depth -= 1;
      if (depth < 0 || text === ";" || (depth === 0 && text === "=")) return undefined;
    } else if (kind === "name" && depth === 0 && (text === "of" || text === "in")) break;
  }
  const of = reader.peek(ahead).text === "of";
  const stop = reader.peek(ahead);
  const from = reader.peek(1).start;
  const target = reader.inside(from, stop.start);
  for (; ahead >= 0; ahead -= 1) reader.next();
  const iterable = parseExpression(reader);
  reader.expect(")");
  const { start } = reader.peek();
  return { type: "for-each", of, target, iterable, body: one(parseStatement(reader), start) };
}

function parseTry(reader: Reader): Statement {
  reader.expect("try");
  const block = parseBlock(reader);
  let parameter: Node | undefined;
  let handler: Node | undefined;
  if (reader.take("catch")) {
    if (reader.take("(")) {
      parameter = parseAssignment(reader);
      reader.expect(")");
    }
    handler = parseBlock(reader);
  }
  const last = reader.take("finally") ? parseBlock(reader) : undefined;
  return { type: "try", block, parameter, handler, last };
}

function parseSwitch(reader: Reader): Statement {
  reader.expect("switch");
  const value = parseCondition(reader);
  const cases: NodeOf<"switch">["cases"] = [];
  reader.expect("{");
  while (!reader.take("}")) {
    const otherwise = reader.take("default");
    if (!otherwise) reader.expect("case");
    const test = otherwise ? undefined : parseExpression(reader);
    reader.expect(":");
    const body: Node[] = [];
    while (!reader.is("case") && !reader.is("default") && !reader.is("}")) body.push(...parseStatement(reader));
    cases.push({ test, body });
  }
  return { type: "switch", value, cases };
}

function parseImport(reader: Reader): Statement {
  reader.expect("import");
  const names: NodeOf<"import">["names"] = [];
  if (reader.peek().kind !== "string") {
    do {
      if (reader.take("*")) {
        reader.expect("as");
        names.push({ imported: "*", local: reader.next().text });
      } else if (reader.take("{")) {
        for (const { from, to } of parseNames(reader)) names.push({ imported: from, local: to });
      } else names.push({ imported: "default", local: reader.next().text });
    } while (reader.take(","));
    reader.expect("from");
  }
  const from = reader.next().text;
  endStatement(reader);
  return { type: "import", from, names };
}

function parseNames(reader: Reader): { from: string; to: string }[] {
  const names: { from: string; to: string }[] = [];
  while (!reader.take("}")) {
    const from = reader.next().text;
    names.push({ from, to: reader.take("as") ? reader.next().text : from });
    if (!reader.is("}")) reader.expect(",");
  }
  return names;
}

function parseExport(reader: Reader): Statement {
  reader.expect("export");
  if (reader.take("{")) {
    const names = parseNames(reader).map(({ from, to }) => ({ local: from, exported: to }));
    if (reader.is("from")) throw new Unsupported("re-exports");
    endStatement(reader);
    return { type: "export", declaration: undefined, names };
  }
  if (reader.is("*")) throw new Unsupported("re-exports");
  if (reader.take("default")) {
    const isFunction = reader.is("function") || (reader.is("async") && reader.peek(1).text === "function");
    const declaration = isFunction ? one(parseStatement(reader), 0) : parseAssignment(reader);
    if (!isFunction) endStatement(reader);
    return { type: "export", declaration, names: [{ local: "", exported: "default" }] };
  }
  const declaration = one(parseStatement(reader), 0);
  const local =
    declaration.type === "function"
      ? [declaration.name ?? ""]
      : declaration.type === "variables"
        ? declaration.declarations.flatMap(({ target }) => (target.type === "name" ? [target.name] : []))
        : [];
  if (local.length === 0) throw new Unsupported("this export");
  return { type: "export", declaration, names: local.map((name) => ({ local: name, exported: name })) };
}
