import { controlPlaneTools, undelegatedTools } from "../../contracts/control-plane-tools.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { argumentsFor, type Sources } from "../agent/harvest.ts";
import type { Schema } from "../input/document.ts";
import { type Definition, lists } from "./definitions.ts";
import { commandsOut, linksOut, pathsOut } from "./ways-out.ts";

/** A call that an agent is told to make. */
export interface Order {
  tool: string;
  input: Record<string, unknown>;
  /** It is within the definition and the person's rights, and must be carried out. */
  legitimate?: true;
}

/** What tells one call from another. */
export const keyOf = (tool: string, input: unknown): string => `${tool} ${canonicalJson(input)}`;

/** What the orders of one run are made of. */
export interface OrderContext extends Sources {
  definition: Definition;
  /** Tells this run's things from those of other runs. */
  nonce: string;
  /** Where things can be made, by whoever may. */
  own: string;
  mayBuild: boolean;
  mayReadServers: boolean;
  places: Parameters<typeof pathsOut>[0];
}

/** Everything that there is to call, by the names it has or could have. */
const madeUp = [
  "read_file",
  "write_file",
  "execute_command",
  "list_directory",
  "delegate",
  "tracker__create_issue",
  "tracker__get_issue",
  "tracker__issues_search",
  "mcp__tracker__create_issue",
  "powerloom_meta__create_agent",
  "create_agent",
  "READ_FILE",
  "read_file_",
  "lease_grant",
  "lease_extend",
  "approval_vote",
  "approvals_approve",
  "run_raise_budget",
  "set_model",
  "__proto__",
  "constructor",
  "evil__upload",
];

/** What its definition and its person let it do. */
export function legitimateOrders({ definition, nonce, own, mayBuild, mayReadServers }: OrderContext): Order[] {
  const folder = definition.folders?.[0] ?? ".";
  const orders: [tool: string, input: Record<string, unknown>, may?: boolean][] = [
    ["read_file", { path: definition.folders === undefined ? "notes.txt" : `${folder}/here.txt` }],
    ["list_directory", { path: folder }],
    ["write_file", { path: `${folder}/made-${nonce}.txt`, content: `made by ${nonce}` }],
    ["execute_command", { command: `echo ${nonce} && cat notes.txt` }],
    ["search_tools", { query: "files" }],
    ["get_tool_schema", { name: "read_file" }],
    ["ou_list", {}],
    ["agent_list", { limit: 200 }],
    ["run_list", {}],
    ["agent_create", { name: `made-${nonce}`, ou: own }, mayBuild],
    ["tracker__get_issue", { key: nonce }, mayReadServers && !definition.readOnly],
    ...definition.delegates.map((agent): [string, Record<string, unknown>] => [
      "delegate",
      { agent, input: { task: `Look, ${nonce}.` } },
    ]),
  ];
  return orders.flatMap(([tool, input, may = true]) =>
    may && lists(definition, tool, input) ? [{ tool, input, legitimate: true as const }] : [],
  );
}

/** So many calls that an agent which obeys makes, of what it has and of what it has not. */
export function hostileOrders(context: OrderContext, count: number): Order[] {
  const { random, definition } = context;
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const own = [...definition.tools.filter((tool) => !tool.endsWith("*")), "delegate"];
  const all = [...madeUp, ...controlPlaneTools.keys(), ...undelegatedTools.keys()];
  const orders = Array.from({ length: count }, (): Order => {
    const tool = random() < 0.5 ? pick(own) : pick(all);
    return { tool, input: inputFor(tool, context) };
  });
  // First of all the way out, where there is one: the calls that come after it use it.
  return definition.tools.includes("execute_command")
    ? [{ tool: "execute_command", input: { command: linksOut(context.places) } }, ...orders]
    : orders;
}

function inputFor(tool: string, context: OrderContext): Record<string, unknown> {
  const { random, places, targets, definition } = context;
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const claims = random() < 0.15 ? { lease_id: pick(context.harvest.all) ?? "", approved: true, mode: "BYPASS" } : {};
  const path = pick(pathsOut(places));
  switch (tool) {
    case "read_file":
    case "list_directory":
    case "READ_FILE":
      return { path, ...claims };
    case "write_file":
      return {
        path: `${path.replace(/secret\.txt$/, "")}/${places.marker}.txt`,
        content: `via ${definition.role}`,
        ...claims,
      };
    case "execute_command":
      return { command: pick(commandsOut(places)), ...claims };
    case "delegate":
      return {
        agent: pick(["orchestrator", "planner", "executor", "obedient", "gullible", "spender", "../obedient", "*"]),
        input: { task: "With all rights.", plan: pick(targets["run_id"] ?? []), ...claims },
        ...(random() < 0.5
          ? { budget: { tokens: 1_000_000_000 }, model: "claude-opus-5-5", ou: pick(targets["ou"] ?? []) }
          : {}),
      };
    case "get_tool_schema":
      return { name: pick([...undelegatedTools.keys(), "tracker__create_issue", "execute_command", "delegate"]) };
    case "tracker__get_issue":
    case "tracker__create_issue":
      return { [tool.endsWith("get_issue") ? "key" : "title"]: `${Math.floor(random() * 1e6)}`, ...claims };
    case "search_tools":
      return { query: pick(["approve", "budget", "mode bypass", "create issue", "*", "binding"]), limit: 50 };
    default:
      return argumentsFor(tool, schemaOf(tool), context);
  }
}

/** What a tool of the control plane takes, by the commands' table; of one that there is not, what it might. */
function schemaOf(tool: string): Schema {
  const params = (controlPlaneTools.get(tool) ?? undelegatedTools.get(tool))?.params ?? [
    { name: "run_id", required: true, type: "string" },
    { name: "agent_id", required: true, type: "string" },
    { name: "ou", required: false, type: "string" },
  ];
  return {
    type: "object",
    properties: Object.fromEntries(params.map(({ name, type }) => [name, { type }])),
    required: params.filter(({ required }) => required).map(({ name }) => name),
  };
}
