/** Type of a variable that a rule may use: a CEL type, or the fields of an object. Objects nest. */
export type VariableType =
  | "string"
  | "int"
  | "double"
  | "bool"
  | "dyn"
  | "list<string>"
  | { readonly [field: string]: VariableType };

export type RuleVariables = Readonly<Record<string, VariableType>>;

/** How large a rule may be. What it may say ends, in time linear in what it looks at, and knows no clock. */
export const ruleLimits = {
  /** Characters of source. */
  length: 1000,
  nodes: 150,
  depth: 16,
  listElements: 50,
} as const;

export const allowedOperators: ReadonlySet<string> = new Set(
  "value id . [] call rcall list ?: || && !_ -_ == != < <= > >= in + - * / %".split(" "),
);

export const allowedFunctions: ReadonlySet<string> = new Set(["has", "size", "int", "double", "string"]);

/** No `matches`: a regular expression can take exponential time. */
export const allowedMethods: ReadonlySet<string> = new Set([
  "startsWith",
  "endsWith",
  "contains",
  "size",
  "lowerAscii",
  "upperAscii",
  "trim",
]);

export const quantifiers: ReadonlySet<string> = new Set(["all", "exists", "exists_one"]);
