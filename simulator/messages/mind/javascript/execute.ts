import { bind, evaluate, makeFunction } from "./evaluate.ts";
import { entriesOf, itemsOf } from "./members.ts";
import { burn, declare, type Scope, scopeIn } from "./scope.ts";
import type { Node, NodeOf } from "./syntax.ts";
import { Unsupported } from "./unsupported.ts";
import { Thrown } from "./values.ts";

type Outcome = { kind: "next" } | { kind: "break" } | { kind: "continue" } | { kind: "return"; value: unknown };

const next: Outcome = { kind: "next" };

/** Runs the body of a function and gives what it returns. */
export function runBody(body: Node, scope: Scope): unknown {
  const outcome = runAll(body.type === "block" ? body.body : [body], scope);
  return outcome.kind === "return" ? outcome.value : undefined;
}

/** Makes the functions of a list of statements known before the first of them runs. */
export function hoist(statements: readonly Node[], scope: Scope): void {
  for (const statement of statements) {
    const node = statement.type === "export" && statement.declaration !== undefined ? statement.declaration : statement;
    if (node.type === "function" && node.name !== undefined && !node.arrow) {
      declare(scope, node.name, makeFunction(node, scope));
    }
  }
}

function runAll(statements: readonly Node[], scope: Scope): Outcome {
  hoist(statements, scope);
  for (const statement of statements) {
    const outcome = execute(statement, scope);
    if (outcome.kind !== "next") return outcome;
  }
  return next;
}

/** Runs one statement. */
export function execute(node: Node, scope: Scope): Outcome {
  burn(scope.fuel);
  switch (node.type) {
    case "expression":
      evaluate(node.expression, scope);
      return next;
    case "variables":
      for (const { target, value } of node.declarations) {
        bind(target, value === undefined ? undefined : evaluate(value, scope), scope);
      }
      return next;
    case "function":
      return next;
    case "block":
      return runAll(node.body, scopeIn(scope));
    case "if":
      if (evaluate(node.test, scope)) return execute(node.yes, scopeIn(scope));
      return node.no === undefined ? next : execute(node.no, scopeIn(scope));
    case "for":
      return runFor(node, scopeIn(scope));
    case "for-each": {
      const value = evaluate(node.iterable, scope);
      const items = node.of ? itemsOf(value) : entriesOf(value).map(([key]) => key);
      return repeat(items, (item) => {
        const inner = scopeIn(scope);
        bind(node.target, item, inner);
        return execute(node.body, inner);
      });
    }
    case "while": {
      for (let first = !node.first; first || evaluate(node.test, scope); first = false) {
        burn(scope.fuel);
        const outcome = execute(node.body, scopeIn(scope));
        if (outcome.kind === "return") return outcome;
        if (outcome.kind === "break") break;
      }
      return next;
    }
    case "return":
      return { kind: "return", value: node.argument === undefined ? undefined : evaluate(node.argument, scope) };
    case "break":
    case "continue":
      return { kind: node.type };
    case "throw":
      throw new Thrown(evaluate(node.argument, scope));
    case "try":
      return runTry(node, scope);
    case "switch":
      return runSwitch(node, scopeIn(scope));
    case "literal":
    case "template":
    case "regex":
    case "name":
    case "this":
    case "array":
    case "object":
    case "spread":
    case "unary":
    case "update":
    case "binary":
    case "assign":
    case "conditional":
    case "call":
    case "new":
    case "member":
    case "await":
    case "sequence":
    case "import":
    case "export":
      throw new Unsupported(`${node.type} as a statement`);
  }
}

function repeat(items: readonly unknown[], body: (item: unknown) => Outcome): Outcome {
  for (const item of items) {
    const outcome = body(item);
    if (outcome.kind === "return") return outcome;
    if (outcome.kind === "break") break;
  }
  return next;
}

function runFor(node: NodeOf<"for">, scope: Scope): Outcome {
  if (node.setup?.type === "variables") execute(node.setup, scope);
  else if (node.setup !== undefined) evaluate(node.setup, scope);
  while (node.test === undefined || evaluate(node.test, scope)) {
    burn(scope.fuel);
    const outcome = execute(node.body, scopeIn(scope));
    if (outcome.kind === "return") return outcome;
    if (outcome.kind === "break") break;
    if (node.update !== undefined) evaluate(node.update, scope);
  }
  return next;
}

function runTry(node: NodeOf<"try">, scope: Scope): Outcome {
  let outcome: Outcome = next;
  try {
    outcome = execute(node.block, scope);
  } catch (error) {
    if (!(error instanceof Thrown) || node.handler === undefined) throw error;
    const inner = scopeIn(scope);
    if (node.parameter !== undefined) bind(node.parameter, error.value, inner);
    outcome = execute(node.handler, inner);
  } finally {
    const last = node.last === undefined ? next : execute(node.last, scope);
    if (last.kind !== "next") outcome = last;
  }
  return outcome;
}

function runSwitch(node: NodeOf<"switch">, scope: Scope): Outcome {
  const value = evaluate(node.value, scope);
  const matching = node.cases.findIndex(({ test }) => test !== undefined && evaluate(test, scope) === value);
  const start = matching >= 0 ? matching : node.cases.findIndex(({ test }) => test === undefined);
  if (start < 0) return next;
  const outcome = runAll(
    node.cases.slice(start).flatMap(({ body }) => body),
    scope,
  );
  return outcome.kind === "break" ? next : outcome;
}
