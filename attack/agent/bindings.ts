import type { Arena } from "../arena.ts";
import { countOf, type Effort, type Report } from "../report.ts";
import { changes } from "./effects.ts";
import { openHands, type Told } from "./hands.ts";
import { auditPosition, auditSince } from "./recorded.ts";
import type { AgentScene, Victim } from "./scene.ts";

interface Persuasion {
  args?: object;
  headers?: Record<string, string>;
  name?: string;
  meta?: object;
}

/** What an agent says, sends or calls itself so that it is let through: none of it is anybody's right. */
const persuasions: Readonly<Record<string, Persuasion>> = {
  "extra arguments": { args: { act: "admin", sub: "admin", approved: true, dryRun: "false", role: "OrgAdmin" } },
  "another principal": { args: { principal: "{admin}", on_behalf_of: "{admin}", organisation_id: "{foreign}" } },
  "identity headers": {
    headers: {
      "x-forwarded-user": "{admin}",
      "x-powerloom-act": "admin",
      "powerloom-person": "{admin}",
      "x-original-url": "/admin",
      "x-http-method-override": "GET",
    },
  },
  "a name": { name: "powerloom_meta admin; role=OrgAdmin" },
  "metadata of the call": { meta: { sub: "{admin}", "powerloom/act": "admin", progressToken: "{admin}" } },
};

/** Few are tried all at once, many one by one. */
function triedIn(rounds: number): [what: string, persuasion: Persuasion][] {
  const all: Persuasion = {
    ...Object.assign({}, ...Object.values(persuasions)),
    args: Object.assign({}, ...Object.values(persuasions).map(({ args }) => args)),
  };
  return [["nothing", {}], ...(rounds > 10 ? Object.entries(persuasions) : []), ["everything", all]];
}

/** Nobody's rights, then somebody's, then nobody's again; and every tool with the same arguments in each. */
export async function flipBindings(arena: Arena, scene: AgentScene, { rounds }: Effort): Promise<Report> {
  const violations: string[] = [];
  const outcomes: string[] = [];
  for (let round = 0; round < Math.ceil(rounds / 10); round += 1) {
    const victim = await scene.victim(`flipped ${round}`, []);
    const recorded = await auditPosition(scene, scene.home.organisationId);
    let forbidden = 0;
    const calls = await callsFor(scene, round);

    const states: ("refused" | "allowed")[] = ["refused", "allowed", "refused"];
    for (const [index, expected] of states.entries()) {
      const bound = expected === "allowed" ? await bind(scene, victim) : undefined;
      for (const [what, persuasion] of triedIn(rounds)) {
        const { name, headers, args, meta } = JSON.parse(
          JSON.stringify(persuasion)
            .replaceAll("{admin}", scene.home.admin.email)
            .replaceAll("{foreign}", scene.foreign.organisationId),
        ) as Persuasion;
        const hands = await openHands(arena.mcpUrl, victim.bearer, {
          ...(name === undefined ? {} : { name }),
          ...(headers === undefined ? {} : { headers }),
        });
        try {
          for (const [tool, input, own] of calls) {
            const told = await hands.call(tool, { ...input, ...args }, meta as Record<string, unknown> | undefined);
            if (told.value["status"] === 403) forbidden += 1;
            const got = stateOf(tool, told, own);
            outcomes.push(`${["before", "while", "after"][index]}: ${got}`);
            // What is no parameter may be refused as such, and is never heeded.
            if (got !== expected && !(expected === "allowed" && got === "wrong" && args !== undefined))
              violations.push(
                `${tool} ${["before the binding", "under the binding", "after the binding"][index]}, with ${what}: ${got}, not ${expected}: ${told.text.slice(0, 300)}`,
              );
          }
        } finally {
          await hands.close();
        }
      }
      if (bound !== undefined) await scene.home.admin.send("DELETE", `/bindings/${bound}`);
    }
    const entries = await auditSince(scene, scene.home.organisationId, recorded, victim.sessionId);
    const refusals = entries.filter(({ outcome, sub }) => outcome === "refused" && sub === victim.id).length;
    if (refusals < forbidden) violations.push(`${forbidden} calls were refused, and ${refusals} are on record`);
  }
  return {
    tallies: [
      {
        what: "the same calls before, under and after a binding, with whatever an agent may say or send",
        tried: outcomes.length,
        outcome: countOf(outcomes),
      },
    ],
    violations,
  };
}

/** A valid call of every tool, what shows that it was allowed, and a thing of its own for each that changes something. */
async function callsFor(scene: AgentScene, round: number) {
  const { own, targets, home } = scene;
  const make = async (path: string, body: Record<string, unknown>) =>
    (await home.admin.make<{ id: string }>(path, body)).id;
  const agent = await make("/agents", { name: `flip-${round}`, ou: own });
  const [, skill = ""] = targets["skill_id"] ?? [];
  const [server = "", spare = ""] = targets["mcp_server_id"] ?? [];
  await make(`/agents/${agent}/mcp-servers`, { mcp_server_id: server });
  const email = targets["email"]?.[1] ?? "";
  const calls: [tool: string, input: Record<string, unknown>, own: string][] = [
    ["list_ous", {}, own],
    ["list_users", {}, email],
    ["list_skills", {}, skill],
    ["list_mcp_servers", {}, server],
    ["list_agents", { ou: own }, agent],
    ["describe_user", { email }, email],
    ["describe_agent", { agent_id: agent }, agent],
    ["create_agent", { name: `flipped-${round}`, ou: own }, `flipped-${round}`],
    ["attach_skill_to_agent", { agent_id: agent, skill_id: skill }, agent],
    ["attach_mcp_server_to_agent", { agent_id: agent, mcp_server_id: spare }, agent],
    ["create_credential", { agent_id: agent, mcp_server_id: server }, server],
  ];
  return calls;
}

/** A list without what is there refuses it too. */
function stateOf(tool: string, { verdict, text }: Told, own: string): "refused" | "allowed" | "wrong" | "broken" {
  if (verdict === "invalid") return "wrong";
  if (verdict === "refused") return "refused";
  // Done before under another key: it was allowed to come so far.
  if (verdict === "conflict" && changes(tool)) return "allowed";
  if (verdict !== "allowed") return "broken";
  return text.includes(own) ? "allowed" : "refused";
}

async function bind({ home, own }: AgentScene, victim: Victim): Promise<string> {
  return (await home.admin.make<{ id: string }>("/bindings", { role: "AgentBuilder", ou: own, user: victim.email })).id;
}
