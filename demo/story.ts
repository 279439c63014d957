import { createApiClient } from "../cli/api-client.ts";
import { painter } from "../cli/paint.ts";
import { createTranscript, type StreamEvent, textOf } from "../cli/render-event.ts";
import { followSession } from "../cli/session-stream.ts";
import { ChainVerifier } from "../core/audit/chain.ts";
import type { LocalStack } from "../stack/local-stack.ts";
import { type Person, signIn } from "./api.ts";
import { openDevOrganisation } from "./organisation.ts";
import type { ToolCall } from "./tool-server.ts";

export interface DemoOptions {
  stack: LocalStack;
  stateDirectory: string;
  /** One prompt instead of the whole story, when not empty. */
  prompt: string;
  write: (line: string) => void;
  color: boolean;
  env: Readonly<Record<string, string | undefined>>;
}

interface Conversation {
  sessionId: string;
  events: StreamEvent[];
}

/** The main job, told step by step. Throws when something is not as told: the story is a test as well. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { stack, write } = options;
  const paint = painter(options.color);
  const calls: ToolCall[] = [];
  const organisation = await openDevOrganisation(stack, options.stateDirectory, (call) => {
    calls.push(call);
    write(paint("magenta", `    [${call.server} server] ${call.tool} ${JSON.stringify(call.input)} — bearer accepted`));
  });
  try {
    const { admin } = organisation;
    const metaId = await agentId(admin, "powerloom-meta");
    const chapter = (title: string, ...about: string[]) => {
      write("");
      write(paint("bold", `── ${title} ${"─".repeat(Math.max(3, 92 - title.length))}`));
      for (const line of about) write(paint("dim", line));
      write("");
    };
    const talk = (person: Person, agent: string, prompt: string, end = true) =>
      converse(options, person, agent, prompt, end);

    if (options.prompt !== "") {
      chapter(`${admin.email} asks`, "");
      await talk(admin, metaId, options.prompt);
      return;
    }

    chapter(
      "(a) A plain-English request becomes a governed agent",
      `${admin.email} (OrgAdmin) talks to the meta-agent. Every tool call carries a five-minute token for exactly this person,`,
      "and every change is one Temporal workflow, one database transaction and one audit entry.",
    );
    const first = await talk(
      admin,
      metaId,
      "Set up a scoped sales-prospecting agent for Emma on the sales team with Apollo and Gmail access",
    );
    const sales = await createdAgent(admin, "/acme/sales");
    const synced = await until(async () => {
      const agent = await admin.get<AgentFacts>(`/agents/${sales.id}`);
      return agent.sync_state === "synced" ? agent : undefined;
    }, "the agent is pushed to the provider");
    write("");
    write(
      `The reconciler pushed ${synced.name} to the provider: ${synced.cma_agent_id} version ${synced.cma_agent_version}, ` +
        `servers ${synced.mcp_servers.join(" and ")}, skill ${synced.skills.join(", ")}, ${synced.credentials.length} credentials.`,
    );
    const emma = await signIn(stack.apiUrl, "emma@acme.com");
    write(
      paint(
        "dim",
        "Now Emma, its owner, uses it. Apollo and Gmail are two local MCP servers that accept only the minted bearers.",
      ),
    );
    await talk(emma, sales.id, "Search for three prospects in logistics and create a draft e-mail to the first one.");
    must(
      calls.some((call) => call.server === "Apollo") && calls.some((call) => call.server === "Gmail"),
      "both servers were called",
    );

    chapter(
      "(b) A policy wants approval; the conversation stays open",
      "In /acme/production the policy production-changes makes agent.create wait for another OrgAdmin.",
    );
    const open = await talk(
      admin,
      metaId,
      "Create a deploy-watch agent in /acme/production for Ben with Apollo access",
      false,
    );
    const approval = await until(async () => {
      const { data } = await admin.get<{ data: { id: string; digest: string; diff: { summary: string } }[] }>(
        "/approvals?status=pending",
      );
      return data[0];
    }, "the request waits");
    const own = await admin.send("POST", `/approvals/${approval.id}/votes`, {
      decision: "approve",
      digest: approval.digest,
    });
    must(own.status === 403, "the requester cannot approve");
    write(`${admin.email} tries to approve it alone: ${own.status} ${String(own.body["detail"])}`);
    const ben = await signIn(stack.apiUrl, "ben@acme.com");
    write(`${ben.email} looks at /approvals: ${approval.diff.summary}`);
    await ben.send("POST", `/approvals/${approval.id}/votes`, { decision: "approve", digest: approval.digest });
    write(`${ben.email} approves. The open conversation is told:`);
    write("");
    await goOn(options, admin, open);
    const production = await createdAgent(admin, "/acme/production");
    must(production.mcp_servers.length === 1, "the wiring was finished after the approval");

    chapter(
      "(c) Someone without rights meets the same wall as everywhere",
      "vera@acme.com may look, and talk to agents; she may not create them.",
    );
    const vera = await signIn(stack.apiUrl, "vera@acme.com");
    const refused = await talk(
      vera,
      metaId,
      "Create a log-review agent in /acme/production for Vera with Apollo access",
    );
    must(finalWords(refused).includes("403"), "the refusal is the API's own");

    chapter("(d) It answers what exists", "");
    await talk(admin, metaId, "What agents and MCP servers already exist in the engineering OU?");

    chapter("(e) The audit trail proves it");
    await audit(options, first);

    chapter("Where to go from here");
    const home = options.stateDirectory.replaceAll("'", `'\\''`);
    write(`  POWERLOOM_HOME='${home}' npm start        the same organisation again, until Ctrl-C`);
    write(`  npx powerloom login --dev --email ${admin.email} --api ${stack.apiUrl}`);
    write(`  npx powerloom chat powerloom-meta        talk to it yourself`);
    write(`  npm run demo -- "any prompt"             one prompt, on fresh data`);
    write(
      `  ${stack.temporalUiUrl}/namespaces/${stack.temporalNamespace}/workflows   every run of this demo, in the Temporal UI, while the stack runs`,
    );
    write("");
  } finally {
    await organisation.close();
  }
}

interface AgentFacts {
  id: string;
  name: string;
  sync_state: string;
  cma_agent_id: string | null;
  cma_agent_version: number | null;
  mcp_servers: string[];
  skills: string[];
  credentials: unknown[];
}

async function agentId(person: Person, name: string): Promise<string> {
  const { data } = await person.get<{ data: { id: string }[] }>(`/agents?name=${name}`);
  const id = data[0]?.id;
  if (id === undefined) throw new Error(`there is no agent ${name}`);
  return id;
}

async function createdAgent(person: Person, ou: string): Promise<AgentFacts> {
  const { data } = await person.get<{ data: AgentFacts[] }>(`/agents?ou=${encodeURIComponent(ou)}`);
  const agent = data.at(-1);
  if (agent === undefined) throw new Error(`no agent appeared in ${ou}`);
  return agent;
}

/** Opens a session, shows it as it happens until it rests, and ends it unless it is to stay open. */
async function converse(
  options: DemoOptions,
  person: Person,
  agent: string,
  prompt: string,
  end: boolean,
): Promise<Conversation> {
  const opened = await person.send("POST", `/agents/${agent}/invoke`, { prompt });
  if (opened.status !== 201) throw new Error(`invoke answered ${opened.status}: ${JSON.stringify(opened.body)}`);
  const conversation: Conversation = { sessionId: String(opened.body["session_id"]), events: [] };
  await show(options, person, conversation, String(opened.body["websocket_url"]));
  if (end) await person.send("POST", `/sessions/${conversation.sessionId}/end`, {});
  return conversation;
}

async function goOn(options: DemoOptions, person: Person, conversation: Conversation): Promise<void> {
  await show(options, person, conversation, undefined);
  await person.send("POST", `/sessions/${conversation.sessionId}/end`, {});
}

async function show(
  options: DemoOptions,
  person: Person,
  conversation: Conversation,
  websocketUrl: string | undefined,
): Promise<void> {
  const transcript = createTranscript();
  const stop = new AbortController();
  const api = createApiClient({ apiUrl: options.stack.apiUrl, token: person.token });
  const after = conversation.events.at(-1)?.position ?? 0;
  const lost = setTimeout(() => stop.abort(), 60_000);
  for await (const event of followSession({
    api,
    sessionId: conversation.sessionId,
    websocketUrl,
    after,
    signal: stop.signal,
  })) {
    conversation.events.push(event);
    for (const line of transcript(event, { color: options.color })) options.write(line === "" ? "" : `  ${line}`);
    if (event.type === "session.status_idle" || event.type === "powerloom.session_ended") break;
  }
  clearTimeout(lost);
  if (stop.signal.aborted) throw new Error("the conversation did not come to rest");
}

function finalWords(conversation: Conversation): string {
  return textOf(conversation.events.findLast((event) => event.type === "agent.message")?.payload);
}

async function audit(options: DemoOptions, conversation: Conversation): Promise<void> {
  const { stack, write } = options;
  const auditor = await signIn(stack.apiUrl, "aiko@acme.com");
  const { data } = await auditor.get<{
    data: {
      position: number;
      at: string;
      operation: string;
      outcome: string;
      target: string | null;
      sub: string;
      act: string | null;
    }[];
  }>(`/audit?session=${conversation.sessionId}`);
  write(`aiko@acme.com (Auditor) asks what session ${conversation.sessionId} did:`);
  for (const entry of data.toReversed())
    write(
      `  ${String(entry.position).padStart(4)}  ${entry.operation.padEnd(26)} ${entry.outcome.padEnd(10)} ${entry.target ?? ""}`,
    );
  must(data.length > 0, "the session is linked in the audit");
  const response = await fetch(`${stack.apiUrl}/audit/export`, {
    headers: { Authorization: `Bearer ${auditor.token}` },
  });
  const verifier = new ChainVerifier();
  let head: { position: number; hash: string } | undefined;
  for (const line of (await response.text()).split("\n").filter((text) => text !== "")) {
    const entry = JSON.parse(line) as { head?: { position: number; hash: string } };
    if (entry.head !== undefined) head = entry.head;
    else verifier.add(entry as unknown as Parameters<ChainVerifier["add"]>[0]);
  }
  const verdict = verifier.finish(head);
  must(verdict.intact, "the audit chain is intact");
  write(`Exported and verified offline: ${verdict.entries} entries, chain intact, head ${head?.hash.slice(0, 16)}…`);
}

async function until<Result>(probe: () => Promise<Result | undefined>, what: string): Promise<Result> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    const result = await probe();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not in time: ${what}`);
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not as told: ${what}`);
}
