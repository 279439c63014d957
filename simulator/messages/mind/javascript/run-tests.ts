import { assertions } from "./assertions.ts";
import { builtins } from "./builtins.ts";
import { evaluate } from "./evaluate.ts";
import { execute, hoist, runBody } from "./execute.ts";
import { declare, type Fuel, lookUp, newScope, type Scope } from "./scope.ts";
import type { Node } from "./syntax.ts";
import { Unsupported } from "./unsupported.ts";
import { asGlobal, type Callable, Later, plain, Thrown } from "./values.ts";

/** A test as read, not as run: `unknown` when it uses what this reader does not understand. */
export interface TestResult {
  name: string;
  status: "pass" | "fail" | "unknown";
  message: string;
}

/** How many steps the readings of one search may take together, and each of them by itself. */
export interface Effort {
  left: number;
  perReading: number;
}

/**
 * Works out in the head what a test file says: no code is ever run, only read, within a limit of steps.
 * @param effort is used up by what the reading took
 * @param modules parsed modules by path; an import resolves through `resolve`
 */
export function readTests(
  path: string,
  modules: ReadonlyMap<string, readonly Node[]>,
  resolve: (from: string, specifier: string) => string,
  effort: Effort,
): TestResult[] {
  const given = Math.max(0, Math.min(effort.perReading, effort.left));
  const fuel: Fuel = { left: given, depth: 0 };
  const results: TestResult[] = [];
  const loaded = new Map<string, Record<string, unknown>>();

  const load = (from: string, specifier: string): Record<string, unknown> => {
    if (specifier === "node:test") return testFunctions(results);
    if (/^(?:node:)?assert(?:\/strict)?$/.test(specifier)) {
      const assert = assertions(specifier.endsWith("/strict"));
      return { default: assert, ...assert.members, strict: assertions(true), "*": assert };
    }
    if (!specifier.startsWith(".")) throw new Unsupported(`the module ${specifier}`);
    return loadModule(resolve(from, specifier));
  };
  const loadModule = (at: string): Record<string, unknown> => {
    const known = loaded.get(at);
    if (known !== undefined) return known;
    const statements = modules.get(at);
    if (statements === undefined) throw new Unsupported(`the file ${at}`);
    const exports: Record<string, unknown> = {};
    loaded.set(at, exports);
    const scope = newScope(fuel, runBody, builtins());
    runModule(statements, scope, exports, (specifier) => load(at, specifier));
    return exports;
  };

  try {
    loadModule(path);
  } catch (error) {
    results.push({ name: path, ...outcomeOf(error) });
  } finally {
    effort.left -= given - Math.max(0, fuel.left);
  }
  return results;
}

function runModule(
  statements: readonly Node[],
  scope: Scope,
  exports: Record<string, unknown>,
  load: (specifier: string) => Record<string, unknown>,
): void {
  for (const node of statements) {
    if (node.type !== "import") continue;
    const module = load(node.from);
    for (const { imported, local } of node.names) {
      if (imported === "*") declare(scope, local, module["*"] ?? plain(Object.entries(module)));
      else if (Object.hasOwn(module, imported)) declare(scope, local, module[imported]);
      else throw new Thrown(new SyntaxError(`${node.from} does not provide an export named '${imported}'`));
    }
  }
  hoist(statements, scope);
  for (const node of statements) {
    if (node.type === "import") continue;
    if (node.type !== "export") {
      execute(node, scope);
      continue;
    }
    const { declaration, names } = node;
    const isDefault = names[0]?.exported === "default" && names[0].local === "";
    if (isDefault && declaration !== undefined) exports["default"] = evaluate(declaration, scope);
    else {
      if (declaration !== undefined) execute(declaration, scope);
      for (const { local, exported } of names) exports[exported] = lookUp(scope, local);
    }
  }
}

function testFunctions(results: TestResult[]): Record<string, unknown> {
  const prefix: string[] = [];
  const last = (args: unknown[]) => args.findLast((arg) => typeof arg === "function") as Callable | undefined;
  const run = (...args: unknown[]) => {
    const name = [...prefix, String(args[0])].join(" > ");
    try {
      const result = last(args)?.call(undefined, context);
      if (result instanceof Later && result.failed) throw new Thrown(result.value);
      results.push({ name, status: "pass", message: "" });
    } catch (error) {
      results.push({ name, ...outcomeOf(error) });
    }
    return new Later(undefined);
  };
  const group = (...args: unknown[]) => {
    prefix.push(String(args[0]));
    last(args)?.call(undefined, context);
    prefix.pop();
  };
  const context = asGlobal({ members: { test: run } });
  const skip = () => undefined;
  const test = asGlobal({ members: { skip, todo: skip, test: run, it: run, describe: group }, call: run });
  const describe = asGlobal({ members: { skip, todo: skip }, call: group });
  return { default: test, test, it: test, describe, suite: describe };
}

function outcomeOf(error: unknown): Pick<TestResult, "status" | "message"> {
  if (error instanceof Thrown) return { status: "fail", message: error.message };
  // A native error is one that this reader did not foresee, so it says nothing about the code.
  const message = error instanceof Error ? error.message : String(error);
  return { status: "unknown", message };
}
