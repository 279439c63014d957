import type { RunBody } from "./evaluate.ts";
import { Unsupported } from "./unsupported.ts";
import { Thrown } from "./values.ts";

/** What is left of the steps that a reading may take, and how deep its calls are. */
export interface Fuel {
  left: number;
  depth: number;
}

/** Takes one step: each expression, statement and round of a loop is one. */
export function burn(fuel: Fuel): void {
  fuel.left -= 1;
  if (fuel.left < 0) throw new Unsupported("code that runs long");
}

export interface Scope {
  variables: Map<string, { value: unknown; constant: boolean }>;
  outer: Scope | undefined;
  self: unknown;
  fuel: Fuel;
  runBody: RunBody;
}

export function newScope(fuel: Fuel, runBody: RunBody, variables: Record<string, unknown>): Scope {
  const scope: Scope = { variables: new Map(), outer: undefined, self: undefined, fuel, runBody };
  for (const [name, value] of Object.entries(variables)) declare(scope, name, value);
  return scope;
}

export function scopeIn(outer: Scope, self: unknown = outer.self): Scope {
  return { variables: new Map(), outer, self, fuel: outer.fuel, runBody: outer.runBody };
}

export function declare(scope: Scope, name: string, value: unknown, constant = false): void {
  scope.variables.set(name, { value, constant });
}

export function lookUp(scope: Scope, name: string): unknown {
  return find(scope, name).value;
}

export function setVariable(scope: Scope, name: string, value: unknown): void {
  const variable = find(scope, name);
  if (variable.constant) throw new Thrown(new TypeError("Assignment to constant variable."));
  variable.value = value;
}

function find(scope: Scope, name: string): { value: unknown; constant: boolean } {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const variable = at.variables.get(name);
    if (variable !== undefined) return variable;
  }
  // A global of the platform that is not offered here exists all the same.
  if (name in globalThis || name === "require" || name === "module") throw new Unsupported(name);
  throw new Thrown(new ReferenceError(`${name} is not defined`));
}
