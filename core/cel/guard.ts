import type { ASTNode } from "@marcbachmann/cel-js";
import { allowedFunctions, allowedMethods, allowedOperators, quantifiers, type RuleVariables } from "./rule-types.ts";

export interface RuleFault {
  message: string;
  /** Offset in the source, from 0. */
  offset: number;
}

interface Scope {
  /** Names that may be used here. */
  names: ReadonlySet<string>;
  quantified: boolean;
}

/** The first thing in a parsed rule that rules may not use, or undefined. `used` collects the variables it looks at. */
export function guard(root: ASTNode, variables: RuleVariables, used: Set<string>): RuleFault | undefined {
  const declared = new Set(Object.keys(variables));
  return visit(root, { names: declared, quantified: false });

  function visit(node: ASTNode, scope: Scope): RuleFault | undefined {
    const fault = (message: string): RuleFault => ({ message, offset: node.start });
    if (!allowedOperators.has(node.op)) return fault(`\`${node.op}\` may not be used in a rule`);
    if (node.op === "value" && node.args instanceof Uint8Array) return fault("bytes may not be used in a rule");
    if (node.op === "id") {
      const name = node.args as string;
      if (!scope.names.has(name))
        return fault(`there is no variable \`${name}\` here; there are ${[...declared].join(", ")}`);
      if (!declared.has(name)) return undefined;
      used.add(name);
      // Looking at all of it for each of its elements takes quadratic time, and content is as large as its author likes.
      if (scope.quantified && variables[name] === "dyn")
        return fault(`\`${name}\` may not stand inside a quantifier: only the quantifier's own variable and facts may`);
      return undefined;
    }
    if (node.op === "call") {
      const [name, args] = node.args as [string, ASTNode[]];
      if (!allowedFunctions.has(name))
        return fault(`the function \`${name}\` may not be used in a rule; ${[...allowedFunctions].join(", ")} may`);
      return first(args, scope);
    }
    if (node.op !== "rcall") return first(children(node), scope);
    const [name, receiver, args] = node.args as [string, ASTNode, ASTNode[]];
    if (quantifiers.has(name)) return visit(receiver, scope) ?? quantifier(node, name, args, scope);
    if (!allowedMethods.has(name))
      return fault(
        `the method \`${name}\` may not be used in a rule; ${[...allowedMethods, ...quantifiers].join(", ")} may`,
      );
    return first([receiver, ...args], scope);
  }

  function quantifier(node: ASTNode, name: string, args: ASTNode[], scope: Scope): RuleFault | undefined {
    const fault = (message: string): RuleFault => ({ message, offset: node.start });
    const [variable, ...predicate] = args;
    if (variable?.op !== "id" || predicate.length !== 1)
      return fault(`\`${name}\` takes the name of a variable and a condition: list.${name}(x, x != "")`);
    // Nested quantifiers multiply the work by the size of each list.
    if (scope.quantified) return fault(`\`${name}\` may not stand inside another quantifier`);
    const bound = variable.args as string;
    if (declared.has(bound)) return fault(`\`${bound}\` is a variable already: choose another name in \`${name}\``);
    return first(predicate, { names: new Set([...scope.names, bound]), quantified: true });
  }

  function first(nodes: readonly ASTNode[], scope: Scope): RuleFault | undefined {
    for (const node of nodes) {
      const fault = visit(node, scope);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}

function children(node: ASTNode): ASTNode[] {
  const args: readonly unknown[] = Array.isArray(node.args) ? node.args : [node.args];
  return args.filter((arg): arg is ASTNode => typeof arg === "object" && arg !== null && "op" in arg);
}
