import type { Arena } from "../arena.ts";
import { type Answer, send } from "../send.ts";
import type { Victim } from "./scene.ts";

/** What came of asking, whoever asked and however. */
export type Verdict = "allowed" | "waits" | "refused" | "conflict" | "invalid" | "broken";

export function verdictOf(status: number): Verdict {
  if (status < 300) return "allowed";
  if ([401, 403, 404].includes(status)) return "refused";
  if (status === 409 || status === 412) return "conflict";
  return status < 500 ? "invalid" : "broken";
}

const lists: Readonly<Record<string, string>> = {
  list_ous: "/ous",
  list_users: "/users",
  list_skills: "/skills",
  list_mcp_servers: "/mcp-servers",
  list_agents: "/agents",
};

const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** The request that a tool call stands for; of one that changes something, the dry run. */
function requestOf(tool: string, args: Record<string, unknown>): { method: string; path: string; body?: object } {
  const text = (name: string) => {
    const value = textOf(args[name]);
    // A path cannot have these as a part of it.
    return /^\.{0,2}$/.test(value) || !value.isWellFormed() ? "nothing" : encodeURIComponent(value);
  };
  const { agent_id: _, ...rest } = args;
  const list = lists[tool];
  if (list !== undefined) {
    const ou = args["ou"] === undefined ? "" : `&ou=${encodeURIComponent(textOf(args["ou"]).toWellFormed())}`;
    return { method: "GET", path: `${list}?limit=200${ou}` };
  }
  switch (tool) {
    case "describe_user":
      return { method: "GET", path: `/users/${text("email")}` };
    case "describe_agent":
      return { method: "GET", path: `/agents/${text("agent_id")}` };
    case "create_agent":
      return typeof args["ou"] === "string" && args["ou"].trim() !== ""
        ? { method: "POST", path: "/agents?dryRun=true", body: args }
        : { method: "GET", path: "/ous?limit=200" };
    case "attach_skill_to_agent":
      return { method: "POST", path: `/agents/${text("agent_id")}/skills?dryRun=true`, body: rest };
    case "attach_mcp_server_to_agent":
      return { method: "POST", path: `/agents/${text("agent_id")}/mcp-servers?dryRun=true`, body: rest };
    case "create_credential":
      return { method: "POST", path: `/agents/${text("agent_id")}/credentials?dryRun=true`, body: rest };
    default:
      throw new Error(`nobody knows what ${tool} stands for`);
  }
}

/** What the person is told who asks for the same directly, over REST and with their own token. */
export async function askDirectly(
  arena: Arena,
  person: Pick<Victim, "token">,
  tool: string,
  args: Record<string, unknown>,
): Promise<Answer & { verdict: Verdict }> {
  const { method, path, body } = requestOf(tool, args);
  const answer = await send(arena.apiUrl, person.token, method, path, body as Record<string, unknown> | undefined);
  const waits = answer.body["decision"] === "needs_approval";
  return { ...answer, verdict: waits ? "waits" : verdictOf(answer.status) };
}
