import type { Context } from "./context.ts";
import type { AgentFact, McpServer, Skill } from "./facts.ts";
import { findServers, findSkills, unknownServers, unknownSkills } from "./find-wiring.ts";
import { read } from "./outcome.ts";
import { type Conversation, say } from "./replay.ts";
import { readRequest } from "./request.ts";
import { wire } from "./wiring.ts";
import { blank, code, enumerate, meaningfulStems, mentions, stem } from "./words.ts";

/** Attaches servers or skills to an agent that exists, and mints what credentials are missing. */
export function* wireExisting(context: Context, message: string): Conversation<string | undefined> {
  yield* say("Let me check the current state.");
  const agents = yield* read<{ agents: AgentFact[] }>(context.tools, "list_agents");
  if (agents === undefined) return undefined;
  let text = message;
  let agent: AgentFact | undefined;
  while (agent === undefined) {
    const candidates = agentsNamed(text, agents.agents);
    if (candidates.length === 1) {
      agent = candidates[0];
      break;
    }
    const known = (candidates.length === 0 ? agents.agents : candidates).slice(0, 30);
    const lines = known.map(
      ({ name, ou_path, owner_email }) => `- ${code(name)} in ${code(ou_path)}, owned by ${owner_email}`,
    );
    const head = candidates.length === 0 ? "I do not see which agent you mean. These exist:" : "Several agents fit:";
    yield* say([head, ...(lines.length === 0 ? ["- none"] : lines), "Which one do you mean?"].join("\n"));
    const answer = yield* context.hear();
    const next = agentsNamed(answer, candidates.length === 0 ? agents.agents : candidates);
    if (next.length === 0) return answer;
    text = answer;
  }
  if (agent === undefined) return undefined;
  const servers = yield* read<{ mcp_servers: McpServer[] }>(context.tools, "list_mcp_servers");
  const skills = servers && (yield* read<{ skills: Skill[] }>(context.tools, "list_skills"));
  if (servers === undefined || skills === undefined) return undefined;

  const spans = [agent.name, agent.display_name].flatMap((label) => mentions(message, label));
  const rest = blank(message, spans);
  const wantedServers = findServers(rest, servers.mcp_servers, rest);
  const wantedSkills = findSkills(rest, skills.skills, rest);
  const known = [...spans, ...wantedServers.spans, ...wantedSkills.spans];
  const unknown = [...unknownServers(message, known), ...unknownSkills(message, known)];
  const found = wantedServers.matched.length + wantedSkills.matched.length;
  if (unknown.length > 0 || found === 0) {
    const names = [...servers.mcp_servers, ...skills.skills].map(({ name }) => code(name));
    const what =
      unknown.length > 0
        ? `I found nothing called ${enumerate(unknown.map(code), "or")}.`
        : "I do not see what to attach.";
    yield* say(`${what} These MCP servers and skills exist: ${names.length === 0 ? "none" : enumerate(names)}.`);
    return undefined;
  }
  yield* wire(context, {
    agentId: agent.id,
    agentName: agent.name,
    ouPath: agent.ou_path,
    existed: true,
    servers: wantedServers.matched.flatMap((group) => group.slice(0, 1)),
    skills: wantedSkills.matched.flatMap((group) => group.slice(0, 1)),
    pending: new Map(),
    refused: new Set(),
  });
  return undefined;
}

function agentsNamed(text: string, agents: AgentFact[]): AgentFact[] {
  const exact = agents.filter(
    ({ name, display_name, id }) =>
      text.includes(id) || mentions(text, name).length > 0 || mentions(text, display_name).length > 0,
  );
  const placed = exact.filter(({ ou_path }) => text.includes(ou_path));
  if (exact.length > 0) return placed.length > 0 ? placed : exact;
  const purpose = readRequest(text).purpose;
  const stems = new Set((purpose ?? "").split(/[^\p{L}\p{N}]+/u).map(stem));
  return agents.filter(({ name }) => {
    const own = [...meaningfulStems(name)];
    return own.length > 0 && own.every((one) => stems.has(one));
  });
}
