import type { NodeOf } from "../javascript/syntax.ts";
import { type Edit, replace, textOf, type Visit } from "./edit.ts";

const boundaries: Record<string, string> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" };
const inversions: Record<string, string[]> = {
  "<": [">", ">="],
  "<=": [">=", ">"],
  ">": ["<", "<="],
  ">=": ["<=", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "==": ["!="],
  "!=": ["=="],
};
const arithmetic: Record<string, string[]> = {
  "+": ["-", "*"],
  "-": ["+", "*"],
  "*": ["+", "/", "**"],
  "/": ["*", "%"],
  "%": ["/"],
  "**": ["*"],
  "&&": ["||"],
  "||": ["&&", "??"],
  "??": ["||"],
};
const assignments: Record<string, string[]> = {
  "+=": ["-=", "*=", "="],
  "-=": ["+="],
  "*=": ["+="],
  "/=": ["*="],
  "=": ["+="],
};

/** Wrong operators, and operands in the wrong order. */
export function* operatorEdits({ node, around, source }: Visit): Generator<Edit> {
  if (node.type === "binary") yield* binaryEdits(node, around[0]?.type === "for" && around[0].test === node, source);
  if (node.type === "assign") {
    for (const text of assignments[node.operator] ?? []) yield swapOperator(node, text, 2);
  }
  if (node.type === "update") yield swapOperator(node, node.operator === "++" ? "--" : "++", 3);
  if (node.type === "unary" && (node.operator === "!" || node.operator === "-")) {
    yield {
      changes: replace(node, textOf(source, node.argument)),
      what: `the ${node.operator} before ${textOf(source, node.argument)} is one too many`,
      rank: 4,
    };
  }
  if (node.type === "conditional") {
    yield {
      changes: [...replace(node.yes, textOf(source, node.no)), ...replace(node.no, textOf(source, node.yes))],
      what: "the two outcomes of the condition are the wrong way round",
      rank: 4,
    };
  }
  if (node.type === "if") {
    yield {
      changes: replace(node.test, `!(${textOf(source, node.test)})`),
      what: `the condition ${textOf(source, node.test)} is inverted`,
      rank: 5,
    };
  }
}

function* binaryEdits(node: NodeOf<"binary">, bound: boolean, source: string): Generator<Edit> {
  const { operator, left, right } = node;
  const boundary = boundaries[operator];
  if (boundary !== undefined) {
    const pastTheEnd = bound && operator === "<=" && right.type === "member" && right.key === "length";
    yield {
      ...swapOperator(node, boundary, bound ? 1 : 2),
      ...(pastTheEnd ? { certain: true } : {}),
      what: bound
        ? `the loop ends one round off: ${operator} instead of ${boundary} ${textOf(source, right)}`
        : `the boundary ${textOf(source, right)} is on the wrong side: ${operator} instead of ${boundary}`,
    };
  }
  for (const text of inversions[operator] ?? []) yield swapOperator(node, text, 3);
  for (const text of arithmetic[operator] ?? []) yield swapOperator(node, text, 2);
  if (["-", "/", "%", "**"].includes(operator)) {
    yield {
      changes: [...replace(left, textOf(source, right)), ...replace(right, textOf(source, left))],
      what: `the operands of ${operator} are the wrong way round in ${textOf(source, node)}`,
      rank: 2,
    };
  }
  if (operator === "+" || operator === "-") {
    yield { changes: replace(node, textOf(source, left)), what: `${textOf(source, node)} goes too far`, rank: 4 };
  }
}

function swapOperator(node: { operator: string; operatorStart: number }, text: string, rank: number): Edit {
  const { operatorStart: start, operator } = node;
  return {
    changes: [{ start, end: start + operator.length, text }],
    what: `the operator ${operator} should be ${text}`,
    rank,
  };
}
