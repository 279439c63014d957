import type { Node } from "../javascript/syntax.ts";
import { type Edit, replace, textOf, type Visit } from "./edit.ts";

/** Wrong starting values, wrong literals, wrong variables. */
export function* valueEdits(visit: Visit): Generator<Edit> {
  const { node, around, source } = visit;
  if (node.type === "literal") yield* literalEdits(node.value, visit);
  if (node.type === "member" && node.key === "length" && isBound(around[0])) {
    yield { changes: replace(node, `${textOf(source, node)} - 1`), what: "it goes one beyond the end", rank: 3 };
  }
  if (node.type === "name") yield* otherNames(node.name, visit);
}

function* literalEdits(value: string | number | boolean | null, { node, around, source }: Visit): Generator<Edit> {
  if (typeof value === "boolean") {
    yield { changes: replace(node, String(!value)), what: `${value} should be ${!value}`, rank: 3 };
  }
  if (value === "" || value === " ") {
    const other = value === "" ? '" "' : '""';
    yield { changes: replace(node, other), what: `the text ${textOf(source, node)} should be ${other}`, rank: 4 };
  }
  if (typeof value !== "number") return;
  const place = placeOf(around, node);
  const others = new Set<string>();
  if (value === 0 || value === 1) others.add(String(1 - value));
  if (place === "start") for (const text of ["0", "1", "-Infinity", "Infinity"]) others.add(text);
  for (const near of [value - 1, value + 1]) others.add(String(near));
  others.delete(String(value));
  for (const text of others) {
    const likely = text === "0" || text === "1";
    yield {
      changes: replace(node, text),
      what: {
        loop: `the loop starts at ${value} instead of ${text}`,
        start: `the starting value is ${value} instead of ${text}`,
        elsewhere: `${value} should be ${text}`,
      }[place],
      rank: place === "loop" && text === "0" ? 1 : place !== "elsewhere" ? (likely ? 2 : 3) : 5,
    };
  }
}

// Where a number stands: first value of a loop, of a variable or of a reduction, or anywhere else.
function placeOf(around: readonly Node[], node: Node): "loop" | "start" | "elsewhere" {
  const [parent, grandparent] = around;
  if (parent?.type === "variables") return grandparent?.type === "for" ? "loop" : "start";
  const reduces =
    parent?.type === "call" &&
    parent.args[1] === node &&
    parent.callee.type === "member" &&
    (parent.callee.key === "reduce" || parent.callee.key === "reduceRight");
  return reduces ? "start" : "elsewhere";
}

const isBound = (parent: Node | undefined): boolean =>
  parent?.type === "binary" || (parent?.type === "member" && typeof parent.key !== "string");

function* otherNames(name: string, { node, around, inside, source }: Visit): Generator<Edit> {
  if (inside === undefined || inside.parameters.includes(node)) return;
  const [parent] = around;
  if (parent?.type === "call" && parent.callee === node) return;
  const named = inside.parameters.flatMap((parameter) => (parameter.type === "name" ? [parameter.name] : []));
  if (!named.includes(name)) return;
  for (const other of named) {
    if (other === name || textOf(source, node) !== name) continue;
    yield { changes: replace(node, other), what: `${name} is used where ${other} is meant`, rank: 5 };
  }
}
