import type { Context } from "./context.ts";
import { type AgentFact, flattenOus, type McpServer, type Ou, type Skill, type User } from "./facts.ts";
import { findOu } from "./find-ou.ts";
import { read } from "./outcome.ts";
import { type Conversation, say } from "./replay.ts";
import { readRequest } from "./request.ts";
import { code, enumerate } from "./words.ts";

interface Section {
  wanted: RegExp;
  tool: string;
  title: string;
  lines: (value: unknown) => string[];
}

const sections: Section[] = [
  {
    wanted: /\b(?:agents?|assistants?|bots?)\b/i,
    tool: "list_agents",
    title: "Agents",
    lines: (value) => (value as { agents: AgentFact[] }).agents.map(agentLine),
  },
  {
    wanted: /\b(?:mcp|servers?)\b/i,
    tool: "list_mcp_servers",
    title: "MCP servers",
    lines: (value) =>
      (value as { mcp_servers: McpServer[] }).mcp_servers.map(
        ({ name, display_name, ou_path, health }) =>
          `${code(name)} (${display_name}) in ${code(ou_path)}${health ? `, ${health}` : ""}`,
      ),
  },
  {
    wanted: /\bskills?\b/i,
    tool: "list_skills",
    title: "Skills",
    lines: (value) =>
      (value as { skills: Skill[] }).skills.map(
        ({ name, description, ou_path }) => `${code(name)} in ${code(ou_path)}: ${description}`,
      ),
  },
  {
    wanted: /\b(?:users?|people|members|persons?|who)\b/i,
    tool: "list_users",
    title: "Users",
    lines: (value) =>
      (value as { users: User[] }).users.map(
        ({ display_name, email, home_ou_path }) => `${display_name}, ${email}, in ${code(home_ou_path)}`,
      ),
  },
];

/** Says what there is, in an OU or everywhere. Returns a message that turned out to be about something else. */
export function* inventory(context: Context, message: string): Conversation<string | undefined> {
  const request = readRequest(message);
  yield* say("Let me check the current state.");
  const tree = yield* read<{ ous: Parameters<typeof flattenOus>[0] }>(context.tools, "list_ous");
  if (tree === undefined) return undefined;
  const ous = flattenOus(tree.ous);
  const strict = findOu({ ...request, rest: message }, ous);
  const search = strict.kind === "unsaid" ? findOu({ ...request, rest: message }, ous, true) : strict;
  let ou: Ou | undefined = search.kind === "found" ? search.ou : undefined;
  if (search.kind === "ambiguous" || search.kind === "unknown") {
    const listed = (search.kind === "ambiguous" ? search.candidates : ous).map(
      ({ path, display_name }) => `- ${code(path)} (${display_name})`,
    );
    const head =
      search.kind === "ambiguous"
        ? `There are ${listed.length} OUs called “${search.label}”:`
        : `I found no OU ${code(search.asked)}. These exist:`;
    yield* say([head, ...listed.slice(0, 30), "Which one do you mean?"].join("\n"));
    const answer = yield* context.hear();
    const choice = search.kind === "ambiguous" ? search.candidates : ous;
    const chosen = findOu({ ...readRequest(answer), rest: answer }, choice, true);
    if (chosen.kind !== "found") return answer;
    ou = chosen.ou;
  }
  const asked = sections.filter(({ wanted }) => wanted.test(message));
  const wantsOus = /\b(?:ous?|teams|organi[sz]ational\s+units?|hierarchy|structure)\b/i.test(
    message.replace(/\b(?:the|this|that|an?)\s+[\w-]+\s+ou\b|\bou\b/gi, ""),
  );
  const chosenSections = asked.length > 0 ? asked : wantsOus ? [] : sections.slice(0, 3);
  const place = ou === undefined ? "the organisation" : code(ou.path);
  if (ou !== undefined) yield* say(`Found ${place}.`);

  const parts: string[] = [];
  const counts: string[] = [];
  if (wantsOus) {
    parts.push(["OUs:", ...ous.map(({ path, display_name }) => `- ${code(path)} (${display_name})`)].join("\n"));
    counts.push(count(ous.length, "OUs"));
  }
  for (const { tool, title, lines } of chosenSections) {
    const value = yield* read<unknown>(context.tools, tool, ou === undefined ? {} : { ou: ou.path });
    if (value === undefined) return undefined;
    const items = lines(value);
    counts.push(count(items.length, title));
    parts.push([`${title}:`, ...(items.length === 0 ? ["- none"] : items.map((item) => `- ${item}`))].join("\n"));
  }
  yield* say(
    [`In ${place} there ${counts[0]?.startsWith("1 ") ? "is" : "are"} ${enumerate(counts)}.`, ...parts].join("\n\n"),
  );
  return undefined;
}

function agentLine({ name, ou_path, owner_email, model, sync_state, mcp_servers, skills }: AgentFact): string {
  const wired = [
    mcp_servers && mcp_servers.length > 0 ? `MCP servers: ${mcp_servers.join(", ")}` : "",
    skills && skills.length > 0 ? `skills: ${skills.join(", ")}` : "",
  ].filter((part) => part !== "");
  const extra = [owner_email, model, sync_state ?? "", ...wired].filter((part) => part !== "");
  return `${code(name)} in ${code(ou_path)} (${extra.join("; ")})`;
}

function count(number: number, title: string): string {
  const plural = /^(?:MCP|OUs)/.test(title) ? title : title.toLowerCase();
  return `${number} ${number === 1 ? plural.replace(/s$/, "") : plural}`;
}
