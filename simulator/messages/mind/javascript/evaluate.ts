import { errorKinds } from "./builtins.ts";
import { entriesOf, getMember, itemsOf, setMember } from "./members.ts";
import { burn, declare, lookUp, type Scope, scopeIn, setVariable } from "./scope.ts";
import type { FunctionNode, Node, NodeOf } from "./syntax.ts";
import { Unsupported } from "./unsupported.ts";
import { type Callable, isGlobal, isPlain, Later, looseEqual, plain, primitive, sized, Thrown } from "./values.ts";

/** Runs the body of a function; given, because statements and expressions contain each other. */
export type RunBody = (body: Node, scope: Scope) => unknown;

/** The value of an expression. */
export function evaluate(node: Node, scope: Scope): unknown {
  burn(scope.fuel);
  switch (node.type) {
    case "literal":
      return node.value;
    case "template":
      return sized(
        node.texts
          .map((text, at) => {
            const hole = node.holes[at];
            return hole === undefined ? text : text + String(primitive(evaluate(hole, scope)));
          })
          .join(""),
      );
    case "regex":
      return safeRegex(node);
    case "name":
      return lookUp(scope, node.name);
    case "this":
      return scope.self;
    case "array":
      return sized(node.items.flatMap((item) => (item === undefined ? [undefined] : spreadable(item, scope))));
    case "object":
      return makeObject(node, scope);
    case "unary":
      return unary(node, scope);
    case "update": {
      const old = Number(primitive(evaluate(node.argument, scope)));
      const value = node.operator === "++" ? old + 1 : old - 1;
      assign(node.argument, value, scope);
      return node.prefix ? value : old;
    }
    case "binary":
      return binary(node, scope);
    case "assign":
      return assignment(node, scope);
    case "conditional":
      return evaluate(evaluate(node.test, scope) ? node.yes : node.no, scope);
    case "call":
      return call(node, scope);
    case "new": {
      const kind = evaluate(node.callee, scope);
      const args = node.args.flatMap((arg) => spreadable(arg, scope));
      if (isGlobal(kind) && kind.construct !== undefined) return kind.construct(...args);
      throw new Unsupported("new of this");
    }
    case "member": {
      const object = evaluate(node.object, scope);
      if (node.optional && object == null) return undefined;
      return getMember(object, keyOf(node, scope));
    }
    case "await": {
      const value = evaluate(node.argument, scope);
      if (!(value instanceof Later)) return value;
      if (value.failed) throw new Thrown(value.value);
      return value.value;
    }
    case "sequence":
      return node.items.map((item) => evaluate(item, scope)).at(-1);
    case "function":
      return makeFunction(node, scope);
    case "spread":
    case "variables":
    case "expression":
    case "block":
    case "if":
    case "for":
    case "for-each":
    case "while":
    case "return":
    case "break":
    case "continue":
    case "throw":
    case "try":
    case "switch":
    case "import":
    case "export":
      throw new Unsupported(`${node.type} as an expression`);
  }
}

/** A function value of the code that is read. */
export function makeFunction(node: FunctionNode, outer: Scope): Callable {
  return function run(this: unknown, ...args: unknown[]): unknown {
    const { fuel } = outer;
    burn(fuel);
    if (fuel.depth > 150) throw new Thrown(new RangeError("Maximum call stack size exceeded"));
    const scope = scopeIn(outer, node.arrow ? outer.self : this);
    fuel.depth += 1;
    try {
      for (const [at, parameter] of node.parameters.entries()) {
        if (parameter.type === "spread") bind(parameter.argument, args.slice(at), scope);
        else bind(parameter, args[at], scope);
      }
      const result = node.body.type === "block" ? outer.runBody(node.body, scope) : evaluate(node.body, scope);
      return node.async && !(result instanceof Later) ? new Later(result) : result;
    } catch (error) {
      if (node.async && error instanceof Thrown) return new Later(error.value, true);
      throw error;
    } finally {
      fuel.depth -= 1;
    }
  };
}

/** Declares the variables of a pattern. */
export function bind(pattern: Node, value: unknown, scope: Scope): void {
  destructure(pattern, value, scope, (name, item) => declare(scope, name, item));
}

function assign(target: Node, value: unknown, scope: Scope): void {
  if (target.type === "member") setMember(evaluate(target.object, scope), keyOf(target, scope), value);
  else destructure(target, value, scope, (name, item) => setVariable(scope, name, item));
}

function destructure(pattern: Node, value: unknown, scope: Scope, put: (name: string, value: unknown) => void): void {
  if (pattern.type === "name") put(pattern.name, value);
  else if (pattern.type === "assign") {
    destructure(pattern.target, value === undefined ? evaluate(pattern.value, scope) : value, scope, put);
  } else if (pattern.type === "array") {
    const items = itemsOf(value);
    for (const [at, item] of pattern.items.entries()) {
      if (item?.type === "spread") destructure(item.argument, items.slice(at), scope, put);
      else if (item !== undefined) destructure(item, items[at], scope, put);
    }
  } else if (pattern.type === "object") destructureObject(pattern, value, scope, put);
  else if (pattern.type === "member") assign(pattern, value, scope);
  else throw new Unsupported("this pattern");
}

function destructureObject(
  pattern: NodeOf<"object">,
  value: unknown,
  scope: Scope,
  put: (name: string, value: unknown) => void,
): void {
  const taken = new Set<string>();
  for (const { key, value: target } of pattern.properties) {
    if (key === undefined && target.type === "spread") {
      const rest = entriesOf(value).filter(([name]) => !taken.has(name));
      destructure(target.argument, plain(rest), scope, put);
      continue;
    }
    const name = typeof key === "string" ? key : String(primitive(evaluate(key ?? target, scope)));
    taken.add(name);
    destructure(target, getMember(value, name), scope, put);
  }
}

function spreadable(node: Node, scope: Scope): unknown[] {
  return node.type === "spread" ? itemsOf(evaluate(node.argument, scope)) : [evaluate(node, scope)];
}

function makeObject(node: NodeOf<"object">, scope: Scope): unknown {
  const object = plain();
  for (const { key, value } of node.properties) {
    if (key === undefined && value.type === "spread") {
      for (const [name, item] of entriesOf(evaluate(value.argument, scope))) object[name] = item;
      continue;
    }
    const name = typeof key === "string" ? key : String(primitive(evaluate(key ?? value, scope)));
    object[name] = evaluate(value, scope);
  }
  return object;
}

function keyOf(node: NodeOf<"member">, scope: Scope): string {
  return typeof node.key === "string" ? node.key : String(primitive(evaluate(node.key, scope)));
}

function call(node: NodeOf<"call">, scope: Scope): unknown {
  const { callee } = node;
  const self = callee.type === "member" ? evaluate(callee.object, scope) : undefined;
  if (callee.type === "member" && callee.optional && self == null) return undefined;
  const target = callee.type === "member" ? getMember(self, keyOf(callee, scope)) : evaluate(callee, scope);
  if (node.optional && target == null) return undefined;
  const args = node.args.flatMap((arg) => spreadable(arg, scope));
  const run = isGlobal(target) ? target.call : target;
  if (typeof run !== "function") throw new Thrown(new TypeError("it is not a function"));
  return sized((run as Callable).apply(self, args));
}

function unary({ operator, argument }: NodeOf<"unary">, scope: Scope): unknown {
  if (operator === "typeof") return typeName(argument, scope);
  if (operator === "delete") {
    if (argument.type !== "member") throw new Unsupported("delete here");
    const object = evaluate(argument.object, scope);
    if (!isPlain(object)) throw new Unsupported("delete here");
    return delete object[keyOf(argument, scope)];
  }
  const value = evaluate(argument, scope);
  switch (operator) {
    case "!":
      return !value;
    case "-":
      return -Number(primitive(value));
    case "+":
      return Number(primitive(value));
    case "~":
      return ~Number(primitive(value));
    default:
      return undefined;
  }
}

function typeName(argument: Node, scope: Scope): string {
  const value = evaluate(argument, scope);
  return isGlobal(value)
    ? value.call === undefined && value.construct === undefined
      ? "object"
      : "function"
    : typeof value;
}

function binary({ operator, left, right }: NodeOf<"binary">, scope: Scope): unknown {
  const first = evaluate(left, scope);
  if (operator === "&&") return first ? evaluate(right, scope) : first;
  if (operator === "||") return first ? first : evaluate(right, scope);
  if (operator === "??") return first ?? evaluate(right, scope);
  if (operator === "instanceof") return isInstance(first, right, scope);
  return operate(operator, first, evaluate(right, scope));
}

function isInstance(value: unknown, kind: Node, scope: Scope): boolean {
  const known = kind.type === "name" && isGlobal(lookUp(scope, kind.name)) ? kind.name : "";
  if (known === "Array") return Array.isArray(value);
  if (known === "Map") return value instanceof Map;
  if (known === "Set") return value instanceof Set;
  if (known === "Promise") return value instanceof Later;
  const error = errorKinds[known];
  if (error === undefined) throw new Unsupported("instanceof this");
  return value instanceof error;
}

function operate(operator: string, first: unknown, second: unknown): unknown {
  switch (operator) {
    case "===":
      return first === second;
    case "!==":
      return first !== second;
    case "==":
      return looseEqual(first, second);
    case "!=":
      return !looseEqual(first, second);
    case "in":
      if (!isPlain(second)) throw new Unsupported("in this");
      return Object.hasOwn(second, String(primitive(first)));
    default:
      return calculate(operator, primitive(first), primitive(second));
  }
}

type Primitive = ReturnType<typeof primitive>;

function calculate(operator: string, a: Primitive, b: Primitive): unknown {
  const texts = typeof a === "string" && typeof b === "string";
  switch (operator) {
    case "+":
      return typeof a === "string" || typeof b === "string" ? sized(`${a}${b}`) : Number(a) + Number(b);
    case "-":
      return Number(a) - Number(b);
    case "*":
      return Number(a) * Number(b);
    case "/":
      return Number(a) / Number(b);
    case "%":
      return Number(a) % Number(b);
    case "**":
      return Number(a) ** Number(b);
    case "<":
      return texts ? a < b : Number(a) < Number(b);
    case ">":
      return texts ? a > b : Number(a) > Number(b);
    case "<=":
      return texts ? a <= b : Number(a) <= Number(b);
    case ">=":
      return texts ? a >= b : Number(a) >= Number(b);
    case "&":
      return Number(a) & Number(b);
    case "|":
      return Number(a) | Number(b);
    case "^":
      return Number(a) ^ Number(b);
    case "<<":
      return Number(a) << Number(b);
    case ">>":
      return Number(a) >> Number(b);
    case ">>>":
      return Number(a) >>> Number(b);
    default:
      throw new Unsupported(operator);
  }
}

function assignment({ operator, target, value }: NodeOf<"assign">, scope: Scope): unknown {
  if (operator === "=") {
    const result = evaluate(value, scope);
    assign(target, result, scope);
    return result;
  }
  const old = evaluate(target, scope);
  const kind = operator.slice(0, -1);
  if ((kind === "&&" && !old) || (kind === "||" && old) || (kind === "??" && old != null)) return old;
  const given = evaluate(value, scope);
  const result = kind === "&&" || kind === "||" || kind === "??" ? given : operate(kind, old, given);
  assign(target, result, scope);
  return result;
}

// Groups and several repetitions can take exponential time; without them a pattern runs in no more than quadratic.
function safeRegex({ pattern, flags }: NodeOf<"regex">): RegExp {
  const outside = pattern.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, "x");
  if (/[(){}]/.test(outside) || (outside.match(/[*+?]/g) ?? []).length > 2) throw new Unsupported("this pattern");
  try {
    return new RegExp(pattern, flags);
  } catch {
    throw new Unsupported("this pattern");
  }
}
