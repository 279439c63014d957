import { cancels, classify } from "./classify.ts";
import type { Context, Wiring } from "./context.ts";
import { applyAnswer, type Draft, newDraft, type Plan, type Question, resolve, searchPlaces } from "./draft.ts";
import { type AgentFact, type Facts, flattenOus, type McpServer, type Skill, type User } from "./facts.ts";
import { mutate, problemText, read, statusOf } from "./outcome.ts";
import { type Conversation, say } from "./replay.ts";
import { slugOf } from "./request.ts";
import { createKey, waitingNotice, wire } from "./wiring.ts";
import { code, enumerate, meaningfulStems } from "./words.ts";

/** Provisions what a message asks for. Returns a message that turned out to be about something else. */
export function* provision(context: Context, message: string): Conversation<string | undefined> {
  let draft = newDraft(message);
  const facts: Facts = { ous: [], users: [], servers: [], skills: [], agents: [] };
  const gathered = yield* gather(context, draft, facts);
  if (gathered === undefined || typeof gathered === "string") return gathered;
  draft = gathered;
  let asked = "";
  while (true) {
    const resolved = resolve(draft, facts);
    let questions: Question[];
    if ("plan" in resolved) {
      const more = yield* carryOut(context, draft, resolved.plan, facts);
      if (more === undefined) return undefined;
      questions = (["ou", "owner", "server", "skill", "purpose"] as const).map((about) => ({ about, text: "" }));
    } else {
      questions = resolved.questions;
      const text = questions.map((question) => question.text).join("\n\n");
      yield* say(text === asked ? `I could not read that out of your answer.\n\n${text}` : text);
      asked = text;
    }
    const answer = yield* context.hear();
    if (cancels(answer)) {
      yield* say("All right, I leave it at that. Nothing was created.");
      return undefined;
    }
    if (isSomethingElse(answer)) return answer;
    draft = applyAnswer(draft, questions, answer, facts);
    const described = yield* describeOwner(context, draft, facts);
    if (described === undefined || typeof described === "string") return described;
    draft = described;
  }
}

function isSomethingElse(answer: string): boolean {
  const intent = classify(answer);
  return intent !== "unknown" && intent !== "wire" && intent !== "help";
}

/** Reads the state in the order a person would: OUs, people, servers, skills, agents. */
function* gather(context: Context, draft: Draft, facts: Facts): Conversation<Draft | string | undefined> {
  const { tools } = context;
  yield* say("Let me check the current state.");
  const ous = yield* read<{ ous: Parameters<typeof flattenOus>[0] }>(tools, "list_ous");
  if (ous === undefined) return undefined;
  facts.ous = flattenOus(ous.ous);
  const place = searchPlaces(draft, facts).ou;
  if (place.kind === "found") yield* say(`Found ${code(place.ou.path)}.`);

  const { emails, mine } = draft.request;
  if (emails.length === 0 && !mine) {
    const users = yield* read<{ users: User[] }>(tools, "list_users");
    if (users === undefined) return undefined;
    facts.users = users.users;
  }
  const described = yield* describeOwner(context, draft, facts);
  if (described === undefined || typeof described === "string") return described;

  const servers = yield* read<{ mcp_servers: McpServer[] }>(tools, "list_mcp_servers");
  if (servers === undefined) return undefined;
  facts.servers = servers.mcp_servers;
  const skills = yield* read<{ skills: Skill[] }>(tools, "list_skills");
  if (skills === undefined) return undefined;
  facts.skills = skills.skills;
  const agents = yield* read<{ agents: AgentFact[] }>(tools, "list_agents");
  if (agents === undefined) return undefined;
  facts.agents = agents.agents;
  return described;
}

/** Looks the owner up once the request says who it is. */
function* describeOwner(context: Context, given: Draft, facts: Facts): Conversation<Draft | string | undefined> {
  let draft = given;
  while (draft.owner === undefined) {
    const { person } = searchPlaces(draft, facts);
    if (person.kind !== "email" && person.kind !== "found") return draft;
    const email = person.kind === "email" ? person.email : person.user.email;
    const result = yield* context.tools.call("describe_user", { email });
    if (!result.isError) {
      const user = JSON.parse(result.text) as User;
      yield* say(`${user.display_name} is in ${code(user.home_ou_path)}, principal ID ${code(user.principal_id)}.`);
      return { ...draft, owner: user };
    }
    if (statusOf(result) !== 404) {
      yield* say(problemText(result));
      return undefined;
    }
    yield* say(`No user found with email ${code(email)}. Check the email address and try again.`);
    const answer = yield* context.hear();
    if (cancels(answer)) {
      yield* say("All right, I leave it at that. Nothing was created.");
      return undefined;
    }
    if (isSomethingElse(answer)) return answer;
    const forgotten = { ...draft, request: { ...draft.request, emails: [] } };
    draft = applyAnswer(forgotten, [{ about: "owner", text: "" }], answer, facts);
  }
  return draft;
}

/** Creates the agent, or takes the one that is there, and wires it. Returns "ask" when the person must say more. */
function* carryOut(context: Context, draft: Draft, plan: Plan, facts: Facts): Conversation<"ask" | undefined> {
  const { ou, owner, servers, skills } = plan;
  const there = existingAgent(draft, plan, facts.agents);
  const wiring: Wiring = {
    agentId: there?.id,
    agentName: there?.name ?? freeName(draft, plan, facts.agents),
    ouPath: ou.path,
    existed: there !== undefined,
    servers,
    skills,
    pending: new Map(),
    refused: new Set(),
  };
  yield* say(intention(plan, there));
  if (there !== undefined) {
    yield* wire(context, wiring);
    return undefined;
  }
  const result = yield* mutate(context.tools, "create_agent", {
    name: wiring.agentName,
    ou: ou.path,
    ...(owner === "me" ? {} : { owner: owner.email }),
    display_name: displayName(plan.purpose),
    description: `${capitalised(plan.purpose)} for ${owner === "me" ? `the ${ou.display_name} OU` : owner.display_name}`,
    ...(draft.request.model === undefined ? {} : { model: draft.request.model }),
    system_prompt: systemPrompt(plan),
  });
  if (!result.ok) {
    yield* say(result.text);
    return undefined;
  }
  const { outcome } = result;
  if (outcome.status === "needs_input") {
    yield* say([outcome.message, ...(outcome.ask ?? [])].join("\n"));
    return "ask";
  }
  const created =
    outcome.status === "received" ? yield* lookFor(context, wiring) : (outcome.agent as AgentFact | undefined);
  if (outcome.status === "applied" || created !== undefined) {
    if (created === undefined) {
      yield* say(outcome.message);
      return undefined;
    }
    wiring.agentId = created.id;
    yield* say(`Agent ${code(created.name)} created, ID ${code(created.id)}.`);
    yield* wire(context, wiring, created);
    return undefined;
  }
  if (outcome.request_id !== undefined) {
    wiring.pending.set(createKey, outcome.request_id);
    context.memory.waiting.set(outcome.request_id, { wiring, key: createKey });
  }
  yield* say(waitingNotice(`agent creation in ${code(ou.path)}`, outcome));
  return undefined;
}

// "received" means that it is being applied right now: look a few times before leaving it to the control plane's word.
function* lookFor(context: Context, wiring: Wiring): Conversation<AgentFact | undefined> {
  for (let look = 0; look < 3; look += 1) {
    const list = yield* read<{ agents: AgentFact[] }>(context.tools, "list_agents", { ou: wiring.ouPath }, 700);
    const found = list?.agents.find(({ name, ou_path }) => name === wiring.agentName && ou_path === wiring.ouPath);
    if (found !== undefined || list === undefined) return found;
  }
  return undefined;
}

function existingAgent(draft: Draft, { purpose, ou, owner }: Plan, agents: AgentFact[]): AgentFact | undefined {
  if (owner === "me") return undefined;
  const wanted = [...meaningfulStems(purpose)].sort().join(" ");
  const names = new Set(namesFor(slugOf(purpose), owner.email));
  return agents.find(({ name, ou_path, owner_email }) => {
    if (ou_path !== ou.path || owner_email.toLowerCase() !== owner.email.toLowerCase()) return false;
    if (draft.request.name !== undefined) return name === draft.request.name;
    return names.has(name) || [...meaningfulStems(name)].sort().join(" ") === wanted;
  });
}

function freeName(draft: Draft, { purpose, ou, owner }: Plan, agents: AgentFact[]): string {
  const taken = new Set(agents.filter(({ ou_path }) => ou_path === ou.path).map(({ name }) => name));
  const base = draft.request.name ?? slugOf(purpose);
  if (!taken.has(base) || owner === "me") return base;
  return namesFor(base, owner.email).find((name) => !taken.has(name)) ?? base;
}

/** What an agent of somebody's is called, the first that is free: by its purpose, its owner besides, or a number. */
function namesFor(base: string, email: string): string[] {
  const person = (email.split("@")[0] ?? "").toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return [base, `${base}-${person}`, ...Array.from({ length: 50 }, (_, index) => `${base}-${index + 2}`)].map((name) =>
    name.slice(0, 63).replace(/-$/, ""),
  );
}

function intention({ ou, owner, servers, skills, reasons }: Plan, there: AgentFact | undefined): string {
  const found = servers.length === 0 ? "" : `Found ${enumerate(servers.map(({ name }) => code(name)))}. `;
  const why =
    reasons.length === 0
      ? ""
      : ` ${capitalised(enumerate(reasons))}, so I'll attach ${reasons.length === 1 ? "it" : "them"} too.`;
  if (there !== undefined) {
    return `${found}Agent ${code(there.name)} already exists in ${code(there.ou_path)}, so I'll add only what is missing.${why}`;
  }
  const who = owner === "me" ? "owned by you" : `owned by ${owner.display_name}`;
  const parts = [
    servers.length === 0 ? "" : `wire the MCP server${servers.length === 1 ? "" : "s"} and mint credentials`,
    skills.length === 0 ? "" : `attach ${enumerate(skills.map(({ name }) => code(name)))}`,
  ].filter((part) => part !== "");
  const then = parts.length === 0 ? "" : `, then ${enumerate(parts)}`;
  return `${found}I'll create the agent in ${code(ou.path)} ${who}${then}.${why}`;
}

function systemPrompt({ purpose, ou, owner, servers }: Plan): string {
  const whom = owner === "me" ? `the ${ou.display_name} OU` : `${owner.display_name} (${ou.display_name})`;
  const tools = servers.map((server) => server.display_name || server.name);
  return [
    `You are an agent for ${purpose}, working for ${whom}.`,
    tools.length === 0
      ? "You have no external tools."
      : `Use the tools of ${enumerate(tools)} to get the facts; do not guess what a tool can tell you.`,
    `Keep to ${purpose}. When a request goes beyond it, or you lack access, say so plainly.`,
    "Report briefly what you did, what you found, and what is left to do.",
  ].join("\n");
}

function displayName(purpose: string): string {
  return `${capitalised(purpose)} agent`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
