/** Where a node stands in the source. */
interface Place {
  start: number;
  end: number;
}

export type FunctionNode = Place & {
  type: "function";
  name: string | undefined;
  parameters: Node[];
  /** A block, or the expression of an arrow function. */
  body: Node;
  arrow: boolean;
  async: boolean;
};

export interface Property {
  /** An expression for computed keys; undefined for a spread. */
  key: string | Node | undefined;
  value: Node;
}

/** The part of JavaScript that is understood. Binding patterns are written with the same nodes as their literals. */
export type Node = Place &
  (
    | { type: "literal"; value: string | number | boolean | null }
    | { type: "template"; texts: string[]; holes: Node[] }
    | { type: "regex"; pattern: string; flags: string }
    | { type: "name"; name: string }
    | { type: "this" }
    | { type: "array"; items: (Node | undefined)[] }
    | { type: "object"; properties: Property[] }
    | { type: "spread"; argument: Node }
    | { type: "unary"; operator: string; argument: Node }
    | { type: "update"; operator: "++" | "--"; prefix: boolean; argument: Node; operatorStart: number }
    | { type: "binary"; operator: string; left: Node; right: Node; operatorStart: number }
    | { type: "assign"; operator: string; target: Node; value: Node; operatorStart: number }
    | { type: "conditional"; test: Node; yes: Node; no: Node }
    | { type: "call"; callee: Node; args: Node[]; optional: boolean }
    | { type: "new"; callee: Node; args: Node[] }
    | { type: "member"; object: Node; key: string | Node; keyStart: number; optional: boolean }
    | { type: "await"; argument: Node }
    | { type: "sequence"; items: Node[] }
    | Omit<FunctionNode, keyof Place>
    | { type: "variables"; declarations: { target: Node; value: Node | undefined }[] }
    | { type: "expression"; expression: Node }
    | { type: "block"; body: Node[] }
    | { type: "if"; test: Node; yes: Node; no: Node | undefined }
    | { type: "for"; setup: Node | undefined; test: Node | undefined; update: Node | undefined; body: Node }
    | { type: "for-each"; of: boolean; target: Node; iterable: Node; body: Node }
    | { type: "while"; test: Node; body: Node; first: boolean }
    | { type: "return"; argument: Node | undefined }
    | { type: "break" }
    | { type: "continue" }
    | { type: "throw"; argument: Node }
    | { type: "try"; block: Node; parameter: Node | undefined; handler: Node | undefined; last: Node | undefined }
    | { type: "switch"; value: Node; cases: { test: Node | undefined; body: Node[] }[] }
    | { type: "import"; from: string; names: { imported: string; local: string }[] }
    | { type: "export"; declaration: Node | undefined; names: { local: string; exported: string }[] }
  );

export type NodeOf<Type extends Node["type"]> = Extract<Node, { type: Type }>;

/** The nodes directly inside a node, in the order of the source. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  const collect = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (typeof value === "object" && value !== null) {
      if ("type" in value && "start" in value) children.push(value as Node);
      else Object.values(value).forEach(collect);
    }
  };
  Object.values(node).forEach(collect);
  return children;
}
