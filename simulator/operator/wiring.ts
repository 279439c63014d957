import type { Context, Wiring } from "./context.ts";
import type { AgentFact, McpServer, Skill } from "./facts.ts";
import { type Mutation, mutate, read } from "./outcome.ts";
import { type Conversation, say } from "./replay.ts";
import { code, enumerate } from "./words.ts";

/** The key of the creation itself among what can wait. */
export const createKey = "create";

const looks = 3;
const lookAgainMs = 700;

/**
 * Attaches what is missing, mints the missing credentials and reports. Level-based: it starts from what the agent
 * has, so it serves a new agent, one that existed, and one whose approval came through later.
 */
export function* wire(context: Context, wiring: Wiring, known?: AgentFact): Conversation {
  const agentId = wiring.agentId;
  if (agentId === undefined) return;
  let agent =
    known?.attachments === undefined
      ? yield* read<AgentFact>(context.tools, "describe_agent", { agent_id: agentId })
      : known;
  if (agent === undefined) return;
  const done: string[] = [];
  const notices: string[] = [];

  const attempt = function* (
    key: string,
    tool: string,
    input: Record<string, unknown>,
    present: (agent: AgentFact) => boolean,
  ): Conversation<"done" | "waiting" | "failed"> {
    const result = yield* mutate(context.tools, tool, input);
    if (!result.ok) {
      const sofar = done.length === 0 ? "" : `\n\nDone before that: ${enumerate(done)}.`;
      yield* say(
        `${result.text}\n\nI stopped at: ${key}, for agent ${code(wiring.agentName)} (ID ${code(agentId)}).${sofar}`,
      );
      return "failed";
    }
    const { outcome } = result;
    if (outcome.status === "applied") return "done";
    if (outcome.status === "received") {
      for (let look = 0; look < looks; look += 1) {
        const now: AgentFact | undefined = yield* read<AgentFact>(
          context.tools,
          "describe_agent",
          { agent_id: agentId },
          lookAgainMs,
        );
        if (now === undefined) return "failed";
        if (present(now)) return "done";
      }
    }
    notices.push(waitingNotice(key, outcome));
    if (outcome.request_id !== undefined) {
      wiring.pending.set(key, outcome.request_id);
      context.memory.waiting.set(outcome.request_id, { wiring, key });
    }
    return "waiting";
  };
  const open = (key: string) => !wiring.pending.has(key) && !wiring.refused.has(key);

  const attached = new Set(agent.attachments?.mcp_servers.map(({ mcp_server_id }) => mcp_server_id));
  const newServers: McpServer[] = [];
  for (const server of wiring.servers) {
    const key = `attaching ${code(server.name)}`;
    if (attached.has(server.id) || !open(key)) continue;
    const input = { agent_id: agentId, mcp_server_id: server.id };
    const has = (now: AgentFact) =>
      now.attachments?.mcp_servers.some(({ mcp_server_id }) => mcp_server_id === server.id) === true;
    const result = yield* attempt(key, "attach_mcp_server_to_agent", input, has);
    if (result === "failed") return;
    if (result === "waiting") continue;
    attached.add(server.id);
    newServers.push(server);
    done.push(`${code(server.name)} attached`);
  }
  if (newServers.length > 0)
    yield* say(`${enumerate(newServers.map((server) => server.display_name || server.name))} attached.`);

  const skilled = new Set(agent.attachments?.skills.map(({ skill_id }) => skill_id));
  const newSkills: Skill[] = [];
  for (const skill of wiring.skills) {
    const key = `attaching skill ${code(skill.name)}`;
    if (skilled.has(skill.id) || !open(key)) continue;
    const has = (now: AgentFact) => now.attachments?.skills.some(({ skill_id }) => skill_id === skill.id) === true;
    const result = yield* attempt(key, "attach_skill_to_agent", { agent_id: agentId, skill_id: skill.id }, has);
    if (result === "failed") return;
    if (result === "waiting") continue;
    newSkills.push(skill);
    done.push(`${code(skill.name)} attached`);
  }
  if (newSkills.length > 0) yield* say(`${enumerate(newSkills.map(({ name }) => code(name)))} attached.`);

  const live = (now: AgentFact) =>
    new Set(
      (now.credentials ?? []).filter(({ revoked_at }) => revoked_at === null).map(({ mcp_server_id }) => mcp_server_id),
    );
  const credentialed = live(agent);
  const minted: McpServer[] = [];
  for (const server of wiring.servers) {
    const key = `the credential for ${code(server.name)}`;
    if (!attached.has(server.id) || credentialed.has(server.id) || !open(key)) continue;
    const input = { agent_id: agentId, mcp_server_id: server.id };
    const result = yield* attempt(key, "create_credential", input, (now) => live(now).has(server.id));
    if (result === "failed") return;
    if (result === "waiting") continue;
    credentialed.add(server.id);
    minted.push(server);
    done.push(`credential for ${code(server.name)} minted`);
  }

  // An agent that was there before is read again: its list of attachments is older than what was just done.
  if (wiring.existed && done.length > 0)
    agent = (yield* read<AgentFact>(context.tools, "describe_agent", { agent_id: agentId })) ?? agent;
  const servers = unique([
    ...(agent.attachments?.mcp_servers.map(({ name }) => name) ?? []),
    ...newServers.map(({ name }) => name),
  ]);
  const skills = unique([
    ...(agent.attachments?.skills.map(({ name }) => name) ?? []),
    ...newSkills.map(({ name }) => name),
  ]);
  const withCredential = wiring.servers.filter(({ id }) => credentialed.has(id));
  yield* say(
    report({
      wiring,
      agent,
      servers,
      skills,
      done,
      notices,
      minted: withCredential.length,
      wanted: wiring.servers.length,
      names: withCredential.map(({ name }) => name),
    }),
  );
}

/** The sentence for something that waits for approval or is still being applied. */
export function waitingNotice(what: string, { status, request_id, message, ask }: Mutation): string {
  const id = request_id === undefined ? "" : ` (ID: ${code(request_id)})`;
  const sentence = what.charAt(0).toUpperCase() + what.slice(1);
  if (status === "pending_approval") {
    return `${sentence} requires approval. Request submitted${id}. Approvers will see it in the \`/approvals\` inbox. I will finish the wiring once it is approved.`;
  }
  if (status === "received")
    return `${sentence} was received${id} and is still being applied. I will finish the wiring once it is.`;
  return [`${sentence}: ${message}`, ...(ask ?? [])].join("\n");
}

interface Report {
  wiring: Wiring;
  agent: AgentFact;
  servers: string[];
  skills: string[];
  done: string[];
  notices: string[];
  minted: number;
  wanted: number;
  names: string[];
}

function report({ wiring, agent, servers, skills, done, notices, minted, wanted, names }: Report): string {
  const head = wiring.existed
    ? `Agent ${code(agent.name)} already exists in ${code(agent.ou_path)}. ${done.length === 0 ? "Nothing was missing." : `Added: ${enumerate(done)}.`}`
    : `${notices.length === 0 ? "Done. " : ""}Agent ${code(agent.name)} created in ${code(agent.ou_path)}:`;
  const credentials =
    wanted === 0
      ? "none needed"
      : minted === wanted
        ? "minted"
        : minted === 0
          ? "not minted yet"
          : `minted for ${enumerate(names)} only`;
  const lines = [
    head,
    `- Model: ${agent.model}`,
    `- Owner: ${agent.owner_email}`,
    `- MCP servers: ${servers.length === 0 ? "none" : servers.join(", ")}`,
    `- Skills: ${skills.length === 0 ? "none" : skills.join(", ")}`,
    `- Credentials: ${credentials}`,
  ];
  const still = notices.length === 0 ? [] : ["", ...notices];
  const denied = wiring.refused.size === 0 ? [] : ["", `Not done: ${enumerate([...wiring.refused])}.`];
  const end = `The reconciler will push this to CMA within a few seconds. You can invoke it at \`POST /agents/${agent.id}/invoke\`.`;
  return [...lines, ...still, ...denied, "", end].join("\n");
}

function unique(items: string[]): string[] {
  return [...new Set(items)];
}
