import { compileRule } from "../core/cel/rule.ts";
import { hookPoints } from "../core/hooks/points.ts";
import { ruleVariables } from "../core/hooks/rule-variables.ts";
import type { AgentDefinition } from "./agent-definition.ts";
import { controlPlaneTools, undelegatedTools } from "./control-plane-tools.ts";
import { type DefinitionFault, didYouMean } from "./definition-fault.ts";
import { schemaFaults } from "./definition-schemas.ts";

/** What fields must be to each other. Each check looks only at fields that are there: others are faults already. */
type Check = (fields: Partial<AgentDefinition>) => DefinitionFault[];

const readingTools = ["read_file", "list_directory", "search_tools", "get_tool_schema"];
const writingTools = ["write_file", "execute_command"];
/** Paths that leave nothing of the workspace out. */
const wholeWorkspace: ReadonlySet<string> = new Set([".", "./", "/workspace", "/workspace/"]);
const knownTools = [...readingTools, ...writingTools, "delegate", ...controlPlaneTools.keys()];

const checks: readonly Check[] = [
  roleIsBound,
  toolsAreKnown,
  readersOnlyRead,
  commandsAreNotHeldToPaths,
  delegationIsWhole,
  ({ constraints = [] }) =>
    doubles(
      "constraints",
      constraints.map(({ type }) => type),
    ),
  ({ tools = [] }) => doubles("tools", tools),
  ({ delegates = [] }) => doubles("delegates", delegates),
  hooksAreInOrder,
  plansAreJudged,
  ownHooksHold,
  ({ input_schema: schema }) => (schema === undefined ? [] : schemaFaults("input_schema", schema)),
  ({ output_schema: schema }) => (schema === undefined ? [] : schemaFaults("output_schema", schema)),
];

/** All that is wrong between the fields of one definition. */
export function crossFaults(fields: Partial<AgentDefinition>): DefinitionFault[] {
  return checks.flatMap((check) => check(fields));
}

function roleIsBound({ role, role_bindings: bindings }: Partial<AgentDefinition>): DefinitionFault[] {
  if (role === undefined || bindings === undefined || Object.hasOwn(bindings, role)) return [];
  const hint = didYouMean(role, Object.keys(bindings));
  return [
    {
      path: ["role_bindings"],
      message: `binds no model to the role \`${role}\`${hint || `: add \`${role}: <model>\``}`,
    },
  ];
}

function toolsAreKnown({ tools = [] }: Partial<AgentDefinition>): DefinitionFault[] {
  return tools.flatMap((tool, index) => {
    if (tool.includes("__") || knownTools.includes(tool)) return [];
    const forPeople = undelegatedTools.get(tool);
    if (forPeople !== undefined)
      return [
        {
          path: ["tools", index],
          message: `\`${tool}\` is for people only: no agent is given \`${forPeople.name}\`. Of the control plane an agent may use ${[...controlPlaneTools.keys()].join(", ")}`,
        },
      ];
    const hint = didYouMean(tool, knownTools) || "; a tool of an MCP server is written server__tool";
    return [{ path: ["tools", index], message: `there is no tool \`${tool}\`${hint}` }];
  });
}

function readersOnlyRead({ tools = [], constraints = [] }: Partial<AgentDefinition>): DefinitionFault[] {
  if (!constraints.some(({ type }) => type === "read_only")) return [];
  return tools.flatMap((tool, index) =>
    writingTools.includes(tool) || controlPlaneTools.get(tool)?.kind === "operation"
      ? [
          {
            path: ["tools", index],
            message: `\`${tool}\` changes things, and the agent is read_only: drop one of the two`,
          },
        ]
      : [],
  );
}

function commandsAreNotHeldToPaths({ tools = [], constraints = [] }: Partial<AgentDefinition>): DefinitionFault[] {
  const constraint = constraints.find((one) => one.type === "path_constraint");
  const whole = constraint?.type !== "path_constraint" || constraint.paths.some((path) => wholeWorkspace.has(path));
  const index = tools.indexOf("execute_command");
  if (whole || index < 0) return [];
  const message =
    "`execute_command` touches the whole workspace, and path_constraint holds the agent to a part of it: drop one of the two";
  return [{ path: ["tools", index], message }];
}

function delegationIsWhole({ id, tools = [], delegates = [] }: Partial<AgentDefinition>): DefinitionFault[] {
  const named = tools.indexOf("delegate");
  const self = id === undefined ? -1 : delegates.indexOf(id);
  return [
    ...(named !== -1 && delegates.length === 0
      ? [{ path: ["tools", named], message: "`delegate` needs `delegates`: the agents that it may start" }]
      : []),
    ...(self === -1 ? [] : [{ path: ["delegates", self], message: "an agent may not start itself" }]),
  ];
}

function doubles(field: string, names: readonly string[]): DefinitionFault[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) === index ? [] : [{ path: [field, index], message: `\`${name}\` stands here twice` }],
  );
}

function hooksAreInOrder({ hooks_enabled: enabled = [] }: Partial<AgentDefinition>): DefinitionFault[] {
  const repeated = doubles("hooks_enabled", enabled);
  if (repeated.length > 0) return repeated;
  const ordered = hookPoints.filter((point) => enabled.includes(point));
  const index = enabled.findIndex((point, position) => point !== ordered[position]);
  if (index === -1) return [];
  return [{ path: ["hooks_enabled", index], message: `hooks run in a fixed order: write ${ordered.join(", ")}` }];
}

function plansAreJudged(fields: Partial<AgentDefinition>): DefinitionFault[] {
  const { role, output_schema: output, hooks_enabled: enabled = [], hooks = {} } = fields;
  if (output === undefined) return [];
  const givesPlan = isPlan(output);
  if (role === "planner" && !givesPlan)
    return [
      {
        path: ["output_schema"],
        message: "a planner's output is a plan: properties.steps must be an array of objects with tool and depends_on",
      },
    ];
  // A plan that nobody judged would be carried out.
  if (givesPlan)
    return fields.hooks_enabled === undefined || enabled.includes("on_plan")
      ? []
      : [{ path: ["hooks_enabled"], message: "a plan comes out here: enable `on_plan`, where it is judged" }];
  const message = "on_plan is asked only where a plan comes out, and this output_schema has none";
  const index = enabled.indexOf("on_plan");
  return [
    ...(index === -1 ? [] : [{ path: ["hooks_enabled", index], message }]),
    ...(hooks.on_plan === undefined ? [] : [{ path: ["hooks", "on_plan"], atKey: true, message }]),
  ];
}

/** A plan is known by its steps: each names a tool and what it depends on. */
function isPlan(schema: Readonly<Record<string, unknown>>): boolean {
  let current: unknown = schema;
  for (const key of ["properties", "steps", "items", "properties"]) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return false;
    current = (current as Record<string, unknown>)[key];
  }
  return typeof current === "object" && current !== null && "tool" in current && "depends_on" in current;
}

function ownHooksHold({ hooks = {}, hooks_enabled: enabled }: Partial<AgentDefinition>): DefinitionFault[] {
  return hookPoints.flatMap((point) => {
    const own = hooks[point];
    if (own === undefined) return [];
    const faults: DefinitionFault[] = [];
    if (enabled !== undefined && !enabled.includes(point))
      faults.push({
        path: ["hooks", point],
        atKey: true,
        message: `\`${point}\` is not in hooks_enabled: these would never be asked`,
      });
    const names = own.map(({ name }) => name);
    own.forEach((hook, index) => {
      const path = ["hooks", point, index];
      if (names.indexOf(hook.name) !== index)
        faults.push({ path: [...path, "name"], message: `\`${hook.name}\` is the name of two hooks of ${point}` });
      if (!("rule" in hook)) return;
      if (point === "on_terminate" && hook.on_violation !== "warn")
        faults.push({ path: [...path, "on_violation"], message: "the run has ended here: only `warn` is possible" });
      const compiled = compileRule(hook.rule, ruleVariables[point]);
      if (!compiled.ok)
        faults.push({ path: [...path, "rule"], offset: compiled.column - 1, message: `rule: ${compiled.message}` });
    });
    return faults;
  });
}
