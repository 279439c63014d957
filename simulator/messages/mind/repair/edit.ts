import { childrenOf, type FunctionNode, type Node } from "../javascript/syntax.ts";

/** A change of a source text in one or two places. */
export interface Edit {
  changes: readonly { start: number; end: number; text: string }[];
  /** What was wrong, in words. */
  what: string;
  /** 1: a bug that people make often and that looks like one. Higher: less likely. */
  rank: number;
  /** Whether it is convincing even when the tests could not be worked out. */
  certain?: boolean;
}

/** A node with what stands around it. */
export interface Visit {
  node: Node;
  /** From the nearest outwards. */
  around: readonly Node[];
  /** The nearest function around. */
  inside: FunctionNode | undefined;
  source: string;
}

/** The text of a node. */
export const textOf = (source: string, { start, end }: { start: number; end: number }): string =>
  source.slice(start, end);

/** Replaces a whole node. */
export const replace = ({ start, end }: Node, text: string) => [{ start, end, text }] as const;

/** The source after an edit. */
export function applyEdit(source: string, { changes }: Edit): string {
  return changes
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: put }) => text.slice(0, start) + put + text.slice(end), source);
}

/** All nodes of a module, from outside to inside. */
export function* visits(nodes: readonly Node[], source: string): Generator<Visit> {
  function* walk(node: Node, around: readonly Node[], inside: FunctionNode | undefined): Generator<Visit> {
    yield { node, around, inside, source };
    const within = node.type === "function" ? node : inside;
    for (const child of childrenOf(node)) yield* walk(child, [node, ...around], within);
  }
  for (const node of nodes) yield* walk(node, [], undefined);
}
