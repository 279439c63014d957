import type { Node } from "../javascript/syntax.ts";
import { type Edit, replace, textOf, type Visit } from "./edit.ts";

const comparing = new Set(["<", ">", "<=", ">=", "===", "!==", "+"]);

/** Texts that should be numbers. */
export function* numberEdits({ node, source }: Visit): Generator<Edit> {
  if (node.type === "binary" && comparing.has(node.operator)) {
    if (node.left.type === "literal" || node.right.type === "literal") return;
    yield {
      changes: [...asNumber(node.left, source), ...asNumber(node.right, source)],
      what: `${textOf(source, node)} works on texts, not on numbers`,
      rank: 2,
    };
  }
  if (node.type === "assign" && node.operator === "+=") {
    yield {
      changes: asNumber(node.value, source),
      what: `${textOf(source, node)} joins texts instead of adding numbers`,
      rank: 2,
    };
  }
  if (node.type === "call" && node.callee.type === "name" && node.callee.name === "String") {
    yield {
      changes: replace(node.callee, "Number"),
      what: `${textOf(source, node)} makes a text where a number is meant`,
      rank: 3,
    };
  }
  if (node.type === "return" && node.argument !== undefined) {
    yield { changes: asNumber(node.argument, source), what: "a text is returned instead of a number", rank: 4 };
  }
}

// A text made on purpose only to compare it is unmade.
function asNumber(node: Node, source: string) {
  const made =
    node.type === "call" && node.callee.type === "name" && node.callee.name === "String" && node.args[0] !== undefined
      ? node.args[0]
      : node.type === "call" && node.callee.type === "member" && node.callee.key === "toString"
        ? node.callee.object
        : node;
  return replace(node, `Number(${textOf(source, made)})`);
}
