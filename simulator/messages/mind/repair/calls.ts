import type { FunctionNode, Node } from "../javascript/syntax.ts";
import { type Edit, replace, textOf, type Visit } from "./edit.ts";

const opposites: Record<string, string[]> = {
  min: ["max"],
  max: ["min"],
  floor: ["ceil", "round"],
  ceil: ["floor", "round"],
  round: ["floor", "ceil"],
  push: ["unshift"],
  unshift: ["push"],
  shift: ["pop"],
  pop: ["shift"],
  some: ["every"],
  every: ["some"],
  indexOf: ["lastIndexOf"],
  lastIndexOf: ["indexOf"],
  startsWith: ["endsWith"],
  endsWith: ["startsWith"],
  toUpperCase: ["toLowerCase"],
  toLowerCase: ["toUpperCase"],
  find: ["filter"],
  filter: ["find"],
  padStart: ["padEnd"],
  padEnd: ["padStart"],
  keys: ["values"],
  values: ["keys"],
};
const mutating = new Set(["sort", "reverse", "splice", "push", "pop", "shift", "unshift"]);

/** Calls of the wrong method, with swapped arguments, without `await`, or that change their caller's data. */
export function* callEdits(visit: Visit): Generator<Edit> {
  const { node, around, inside, source } = visit;
  if (node.type === "variables") yield* copiedVariables(node.declarations, source);
  if (node.type !== "call") return;
  for (const [at, second] of node.args.entries()) {
    const first = node.args[at - 1];
    if (first === undefined) continue;
    yield {
      changes: [...replace(first, textOf(source, second)), ...replace(second, textOf(source, first))],
      what: `the arguments are the wrong way round in ${textOf(source, node)}`,
      rank: 2,
    };
  }
  if (inside?.async === true && around[0]?.type !== "await") yield* missingAwait(node, around, source);
  const { callee } = node;
  if (callee.type !== "member" || typeof callee.key !== "string") return;
  const end = callee.keyStart + callee.key.length;
  for (const other of Object.hasOwn(opposites, callee.key) ? (opposites[callee.key] ?? []) : []) {
    yield {
      changes: [{ start: callee.keyStart, end, text: other }],
      what: `${callee.key} is called where ${other} is meant`,
      rank: 3,
    };
  }
  if (mutating.has(callee.key) && callee.object.type !== "array") {
    yield {
      changes: replace(callee.object, `[...${textOf(source, callee.object)}]`),
      what: `${callee.key} changes the list it was given, which needs a copy`,
      rank: 1,
    };
  }
  yield* numericOrder(node, callee.key, source);
}

/** Functions that do not return what they work out. */
export function* returnEdits({ node, source }: Visit): Generator<Edit> {
  if (node.type !== "function" || node.body.type !== "block") return;
  const last = node.body.body.at(-1);
  if (last?.type === "expression") {
    const plain = !["assign", "update", "call", "await"].includes(last.expression.type);
    yield {
      changes: [{ start: last.start, end: last.start, text: "return " }],
      what: `the function does not return ${textOf(source, last.expression)}`,
      rank: 1,
      ...(plain ? { certain: true } : {}),
    };
  }
  if (last === undefined || last.type === "return") return;
  for (const name of localNames(node)) {
    const indent = /[ \t]*$/.exec(source.slice(0, last.start))?.[0] ?? "";
    yield {
      changes: [{ start: last.end, end: last.end, text: `\n${indent}return ${name};` }],
      what: `the function does not return ${name}`,
      rank: 1,
    };
  }
}

function localNames({ body }: FunctionNode): string[] {
  if (body.type !== "block") return [];
  return body.body.flatMap((statement) =>
    statement.type === "variables"
      ? statement.declarations.flatMap(({ target }) => (target.type === "name" ? [target.name] : []))
      : [],
  );
}

function* missingAwait(node: Node, around: readonly Node[], source: string): Generator<Edit> {
  const parent = around[0];
  const bare = parent?.type === "variables" || parent?.type === "return" || parent?.type === "expression";
  const text = `await ${textOf(source, node)}`;
  yield {
    changes: replace(node, bare ? text : `(${text})`),
    what: `the result of ${textOf(source, node)} is not awaited`,
    rank: 1,
  };
  yield {
    changes: replace(node, `await Promise.all(${textOf(source, node)})`),
    what: `the results of ${textOf(source, node)} are not awaited`,
    rank: 3,
  };
}

// `const copy = given;` is no copy.
function* copiedVariables(
  declarations: readonly { target: Node; value: Node | undefined }[],
  source: string,
): Generator<Edit> {
  for (const { value } of declarations) {
    if (value?.type !== "name") continue;
    const name = textOf(source, value);
    yield { changes: replace(value, `[...${name}]`), what: `${name} is changed, and needs a copy`, rank: 2 };
    yield { changes: replace(value, `{ ...${name} }`), what: `${name} is changed, and needs a copy`, rank: 3 };
  }
}

function* numericOrder(node: Extract<Node, { type: "call" }>, key: string, source: string): Generator<Edit> {
  const { callee, args } = node;
  if (callee.type !== "member") return;
  if ((key === "sort" || key === "toSorted") && args.length === 0) {
    for (const [order, rank] of [
      ["a - b", 1],
      ["b - a", 2],
    ] as const) {
      yield {
        changes: [{ start: node.end - 1, end: node.end - 1, text: `(a, b) => ${order}` }],
        what: "numbers are sorted as text",
        rank,
      };
      if (callee.object.type !== "array") {
        yield {
          changes: [
            ...replace(callee.object, `[...${textOf(source, callee.object)}]`),
            { start: node.end - 1, end: node.end - 1, text: `(a, b) => ${order}` },
          ],
          what: "numbers are sorted as text, and in the list that was given",
          rank: rank + 1,
        };
      }
    }
  }
  const [other] = args;
  if (key === "localeCompare" && other !== undefined) {
    const bare = (item: Node) =>
      textOf(source, item)
        .replace(/^String\((.*)\)$/s, "$1")
        .replace(/\.toString\(\)$/, "");
    yield {
      changes: replace(node, `${bare(callee.object)} - ${bare(other)}`),
      what: "numbers are compared as text",
      rank: 1,
    };
  }
}
