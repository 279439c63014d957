import { createClaude } from "../../claude/client.ts";
import { eventually } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import { countOf, type Report } from "../report.ts";
import { changesBetween, readWorld } from "./effects.ts";
import { auditPosition, auditSince } from "./recorded.ts";
import type { AgentScene } from "./scene.ts";

/** What a conversation itself leaves behind. */
const ofConversations = new Set([
  "sessions",
  "session_commands",
  "session_events",
  "session_bearers",
  "stream_tickets",
]);

/**
 * The same inside a conversation: the agent reads orders in what a tool answers, and carries them out. Once for somebody who may
 * only look, and again, word for word, when the person may build in one OU.
 */
export async function obeyInConversation(arena: Arena, scene: AgentScene): Promise<Report> {
  const { home, foreign, sql, own, sibling, targets } = scene;
  const violations: string[] = [];
  const server = targets["mcp_server_id"]?.at(-1) ?? "";
  const { id: agent } = await home.admin.make<{ id: string }>("/agents", { name: "talker", ou: home.root });
  await home.admin.make(`/agents/${agent}/mcp-servers`, { mcp_server_id: server });
  await home.admin.make(`/agents/${agent}/credentials`, { mcp_server_id: server });
  const calls: [tool: string, input: Record<string, unknown>][] = [
    ["list_skills", {}],
    ...[own, sibling, home.root, foreign.root].map((ou): [string, Record<string, unknown>] => [
      "create_agent",
      { name: "talked-into", ou },
    ]),
    ["attach_mcp_server_to_agent", { agent_id: targets["agent_id"]?.[0], mcp_server_id: server }],
    ["attach_skill_to_agent", { agent_id: targets["agent_id"]?.[1], skill_id: targets["skill_id"]?.[3] }],
    ["create_credential", { agent_id: targets["agent_id"]?.[3], mcp_server_id: targets["mcp_server_id"]?.[6] }],
  ];
  await follow(arena, scene, agent, calls);

  const roles = [
    { role: "AgentUser", ou: home.root },
    { role: "Viewer", ou: own },
  ];
  const person = await home.person("talker", { roles });
  const ids = [home.organisationId, foreign.organisationId];
  const before = await readWorld(sql, ids);
  const start = await auditPosition(scene, home.organisationId);
  const { session_id: session } = await person.make<{ session_id: string }>(`/agents/${agent}/invoke`, {
    prompt: "Look at the skills.",
  });
  const outcomesUntil = async (turns: number) => {
    await eventually(
      async () => {
        const { data } = await person.get<{ data: { payload: unknown }[] }>(`/sessions/${session}/events?limit=1000`);
        const said = JSON.stringify(data).split("All done as told").length - 1;
        return said >= turns ? true : undefined;
      },
      "the agent has done what it was told",
      60_000,
    );
    // On a busy machine the agent is told that its request was received, and goes on: what becomes of it is settled soon.
    await eventually(
      async () => {
        const open = await sql.query("select from operations where sid = $1 and status = 'received'", [session]);
        return open.rows.length === 0 ? true : undefined;
      },
      "nothing that the agent asked for is open",
      60_000,
    );
    return (await auditSince(scene, home.organisationId, start, session)).filter(({ operation }) =>
      /^(agent|credential)\.(create|attach\w+)$/.test(operation),
    );
  };
  const changesOf = async (from: typeof before) => {
    const { made, gone } = changesBetween(from, await readWorld(sql, ids));
    return [...made, ...gone].filter(({ table }) => !ofConversations.has(table));
  };

  const looking = await outcomesUntil(1);
  const none = await changesOf(before);
  if (none.length > 0) violations.push(`somebody who may only look: ${JSON.stringify(none).slice(0, 500)}`);
  if (looking.length !== calls.length - 1 || looking.some(({ outcome }) => outcome !== "refused"))
    violations.push(`not every call is on record as refused: ${JSON.stringify(looking)}`);

  await home.admin.make("/bindings", { role: "AgentBuilder", ou: own, user: person.email });
  const bound = await readWorld(sql, ids);
  await person.send("POST", `/sessions/${session}/messages`, { text: "Again." });
  const building = (await outcomesUntil(2)).slice(looking.length);
  const done = await changesOf(bound);
  const [{ rows }, ...applied] = [
    await sql.query("select from agents a join ous o on o.id = a.ou_id where a.name = 'talked-into' and o.path = $1", [
      own,
    ]),
    ...building.filter(({ outcome }) => outcome === "applied"),
  ];
  if (done.length !== 1 || done[0]?.table !== "agents" || rows.length !== 1 || applied.length !== 1)
    violations.push(`somebody who may build in one OU: ${JSON.stringify([building, done])}`);

  const told = JSON.stringify((await person.get<{ data: unknown[] }>(`/sessions/${session}/events?limit=1000`)).data);
  if (!told.includes("SYSTEM: use agent")) violations.push("the agent was not told to");
  if (scene.secrets.some((secret) => told.includes(secret))) violations.push("a secret is in the conversation");
  await person.send("POST", `/sessions/${session}/end`, {});
  return {
    tallies: [
      {
        what: "calls in a conversation, as a tool's answer orders, for somebody who looks and then may build",
        tried: looking.length + building.length,
        outcome: countOf([...looking, ...building].map(({ outcome }) => outcome)),
      },
    ],
    violations,
  };
}

/** Writes down at the provider what the agent does at each message. */
async function follow(
  arena: Arena,
  { home }: AgentScene,
  agentId: string,
  calls: readonly (readonly [tool: string, input: Record<string, unknown>])[],
): Promise<void> {
  const id = await eventually(
    async () => {
      const agent = await home.admin.get<{ sync_state: string; cma_agent_id: string | null }>(`/agents/${agentId}`);
      return agent.sync_state === "synced" ? (agent.cma_agent_id ?? undefined) : undefined;
    },
    "the provider has the agent",
    60_000,
  );
  const steps = [
    ...calls.map(([tool, input]) => ({ call: { server: "meta", tool, input } })),
    { say: "All done as told." },
  ];
  const parts = JSON.stringify(steps).match(/[\s\S]{1,500}/g) ?? [];
  const metadata = Object.fromEntries(
    parts.map((part, index) => [index === 0 ? "simulator_script" : `simulator_script_${index + 1}`, part]),
  );
  const { agents } = createClaude({ baseUrl: arena.simulatorUrl, apiKey: "test" }).beta;
  await agents.update(id, { version: (await agents.retrieve(id)).version, metadata });
}
