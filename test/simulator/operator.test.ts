import { readFileSync } from "node:fs";
import type Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Simulator } from "../../simulator/server.ts";
import { clientFor, converse, type Event, lastText, sessionWith, start, texts, toolNames } from "./harness.ts";
import { type MetaServer, startMetaServer } from "./meta-server.ts";
import { dice, drawWorld, ouAt, purposes, serverIn, skillIn, userIn, type World } from "./world.ts";

const wordings = JSON.parse(
  readFileSync(new URL("../../evals/conversations/wordings-first.json", import.meta.url), "utf8"),
) as {
  provision: string[];
  approval: string[];
  forbidden: string[];
  inventory: string[];
  ask_or_refuse: { prompt: string; expect: string }[];
};

let simulator: Simulator;
let client: Anthropic;
let meta: MetaServer;
let world: World;

beforeAll(async () => {
  ({ simulator } = await start());
  client = clientFor(simulator);
});
afterAll(() => simulator.close());
afterEach(() => meta.close());

async function open(drawn: World): Promise<string> {
  world = drawn;
  meta = await startMetaServer(world);
  const { session } = await sessionWith(client, { url: meta.url, bearer: "bearer-one" });
  return session.id;
}

const fill = (template: string, values: Record<string, string>) =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? `{${name}}`);

/** People, places and things for one prompt, from a printed seed. */
function cast(seed: number) {
  const drawn = drawWorld(seed);
  const { pick, shuffle } = dice(seed + 1000);
  const user = pick(drawn.users);
  const ou = pick(drawn.ous.slice(1, -1));
  const production = drawn.ous.at(-1) as World["ous"][number];
  const [a, b] = shuffle(drawn.servers) as [World["servers"][number], World["servers"][number]];
  const named = pick([user.display_name, user.display_name.split(" ")[0] as string, user.email]);
  const called = (server: World["servers"][number]) => pick([server.name, server.display_name]);
  const purpose = pick(purposes);
  const team = pick([ou.display_name, ou.name]);
  return {
    drawn,
    user,
    ou,
    production,
    a,
    b,
    values: { purpose, person: named, team, serverA: called(a), serverB: called(b) },
  };
}

const only = () => {
  expect([...meta.agents.values()]).toHaveLength(1);
  return [...meta.agents.values()][0] as NonNullable<ReturnType<MetaServer["agents"]["get"]>>;
};

describe("wordings nobody fitted the operator to", () => {
  const seeds = [1, 2, 3, 4];
  const cases = (list: string[]) =>
    list.flatMap((template, index) => seeds.map((seed) => ({ template, seed: seed * 10 + index })));

  test.each(cases(wordings.provision))("provisions (seed $seed): $template", async ({ template, seed }) => {
    const { drawn, user, ou, a, b, values } = cast(seed);
    const session = await open(drawn);
    const prompt = fill(template, values);
    const events = await converse(client, session, prompt);
    const ids = [a.id, b.id].sort();
    const made = [...meta.agents.values()];
    expect({
      prompt,
      said: made.length === 1 ? "" : texts(events),
      owners: made.map(({ owner_email }) => owner_email),
      ous: made.map(({ ou_path }) => ou_path),
      servers: made.flatMap(({ servers }) => [...servers]).sort(),
      credentials: meta.credentials.map(({ mcp_server_id }) => mcp_server_id).sort(),
    }).toEqual({ prompt, said: "", owners: [user.email], ous: [ou.path], servers: ids, credentials: ids });
    const agent = only();
    expect(lastText(events)).toContain(`/agents/${agent.id}/invoke`);
  });

  test.each(cases(wordings.approval))(
    "waits for approval and finishes (seed $seed): $template",
    async ({ template, seed }) => {
      const { drawn, user, production, a, values } = cast(seed);
      const session = await open(drawn);
      meta.approval.add(production.path);
      const prompt = fill(template, { ...values, ou: production.path });
      const first = await converse(client, session, prompt);
      const request = /`(req_\w+)`/.exec(lastText(first))?.[1] as string;
      expect(lastText(first)).toContain(`requires approval. Request submitted (ID: \`${request}\`)`);
      expect(meta.agents.size).toBe(0);
      const id = meta.apply(request);
      const applied = JSON.stringify({ operation: "agent.create", target: { type: "agent", id } });
      const second = await converse(client, session, `[powerloom] request ${request} applied: ${applied}`);
      const agent = only();
      expect({ prompt, owner: agent.owner_email }).toEqual({ prompt, owner: user.email });
      expect([...agent.servers]).toEqual([a.id]);
      expect(meta.credentials).toHaveLength(1);
      expect(lastText(second)).toContain(`/agents/${id}/invoke`);
    },
  );

  test.each(cases(wordings.forbidden))(
    "shows the raw refusal and stops (seed $seed): $template",
    async ({ template, seed }) => {
      const { drawn, production, values } = cast(seed);
      const session = await open(drawn);
      meta.forbidden.add(production.path);
      const prompt = fill(template, { ...values, ou: production.path });
      const events = await converse(client, session, prompt);
      expect(lastText(events)).toMatch(/^API returned 403: insufficient permissions\. You need `agent:create`/);
      expect(toolNames(events).filter((name) => /^(create|attach)/.test(name))).toEqual(["create_agent"]);
      expect(meta.agents.size).toBe(0);
    },
  );

  test.each(cases(wordings.inventory))("takes stock (seed $seed): $template", async ({ template, seed }) => {
    const { drawn, ou, values } = cast(seed);
    const here = serverIn(ou, "local-mcp", "Local Thing");
    drawn.servers.push(here);
    const session = await open(drawn);
    const prompt = fill(template, values);
    const events = await converse(client, session, prompt);
    expect(lastText(events)).toContain(`In \`${ou.path}\` there are 0 agents and 1 MCP server`);
    expect(lastText(events)).toContain("`local-mcp`");
    expect(meta.agents.size).toBe(0);
  });

  test.each(wordings.ask_or_refuse)("$expect: $prompt", async ({ prompt, expect: expected }) => {
    const { drawn, values } = cast(77);
    const session = await open(drawn);
    const text = lastText(await converse(client, session, fill(prompt, values)));
    expect(meta.calls.filter(({ tool }) => /^(create|attach)/.test(tool))).toEqual([]);
    const answers = { asks: /In which OU.*Who should own/s, says: /can't approve/, admits: /did not understand/ };
    expect(text).toMatch(answers[expected.split(" ")[0] as keyof typeof answers]);
  });
});

describe("an organisation with names that occur twice", () => {
  const build = () => {
    const root = ouAt("/acme", "Acme", undefined);
    const emea = ouAt("/acme/emea", "EMEA", root);
    const sales = ouAt("/acme/sales", "Sales", root);
    const salesEmea = ouAt("/acme/emea/sales", "Sales", emea);
    const legal = ouAt("/acme/legal", "Legal", root);
    return {
      ous: [root, emea, sales, salesEmea, legal],
      users: [
        userIn(sales, "Emma Novak", "emma@acme.example"),
        userIn(legal, "Emma Okafor", "emma.okafor@acme.example"),
        userIn(salesEmea, "Jonas Kaya", "jonas@acme.example"),
      ],
      servers: [serverIn(root, "apollo-mcp", "Apollo"), serverIn(root, "gmail-mcp", "Gmail")],
      skills: [
        skillIn(root, "prospect-research", "Researches prospects before a call"),
        skillIn(root, "sql-review", "Checks SQL"),
      ],
    } satisfies World;
  };
  let session: string;
  beforeEach(async () => {
    session = await open(build());
  });
  const owner = () => only().owner_email;

  test("two people of one name are told apart by their team", async () => {
    await converse(client, session, "Set up a contract review agent for Emma on the legal team with Gmail access.");
    expect(owner()).toBe("emma.okafor@acme.example");
  });

  test("two people of one name are listed when nothing tells them apart, and the answer is used", async () => {
    const first = await converse(
      client,
      session,
      "Set up a contract review agent for Emma in /acme with Gmail access.",
    );
    expect(lastText(first)).toContain("emma@acme.example");
    expect(lastText(first)).toContain("emma.okafor@acme.example");
    expect(meta.agents.size).toBe(0);
    await converse(client, session, "The second one, please.");
    expect(owner()).toBe("emma.okafor@acme.example");
  });

  test("two OUs of one name are listed with their paths, and the answer is used", async () => {
    const first = await converse(
      client,
      session,
      "Set up a sales-prospecting agent for Jonas on the sales team with Apollo and Gmail access.",
    );
    expect(lastText(first)).toContain("`/acme/sales`");
    expect(lastText(first)).toContain("`/acme/emea/sales`");
    expect(meta.agents.size).toBe(0);
    await converse(client, session, "/acme/emea/sales");
    expect(only().ou_path).toBe("/acme/emea/sales");
    expect(only().servers.size).toBe(2);
  });

  test("an OU above in the prompt tells two OUs of one name apart", async () => {
    await converse(
      client,
      session,
      "Set up a sales-prospecting agent for Jonas in Sales under EMEA with Apollo access.",
    );
    expect(only().ou_path).toBe("/acme/emea/sales");
  });

  test("an MCP server that does not exist is reported with those that do", async () => {
    const first = await converse(
      client,
      session,
      "Set up a sales-prospecting agent for Jonas in /acme/sales with Apollo and Zoho access.",
    );
    expect(lastText(first)).toContain("no MCP server called `Zoho`");
    expect(lastText(first)).toContain("`gmail-mcp`");
    expect(meta.agents.size).toBe(0);
    await converse(client, session, "Go on without it.");
    expect(only().servers.size).toBe(1);
  });

  test("a person who does not exist is reported, and the corrected address is used", async () => {
    const first = await converse(client, session, "Create a triage agent in /acme/sales. Owner is jane@typo.example.");
    expect(lastText(first)).toBe(
      "No user found with email `jane@typo.example`. Check the email address and try again.",
    );
    await converse(client, session, "Sorry, jonas@acme.example");
    expect(owner()).toBe("jonas@acme.example");
  });

  test("a skill that fits the purpose is attached with the reason, and not when nothing else is wanted", async () => {
    const events = await converse(
      client,
      session,
      "Set up a sales-prospecting agent for Jonas in /acme/sales with Apollo access.",
    );
    expect(texts(events).join("\n")).toMatch(/`prospect-research` fits the purpose \(it mentions “prospect/);
    expect(only().skills.size).toBe(1);
    await converse(
      client,
      session,
      "Now a prospecting assistant for emma@acme.example in /acme/legal with Gmail access, nothing else. Please create this second agent.",
    );
    expect([...meta.agents.values()].at(-1)?.skills.size).toBe(0);
  });

  test("the same request again creates nothing and reports that the agent exists", async () => {
    const prompt = "Set up a sales-prospecting agent for Jonas in /acme/sales with Apollo access.";
    await converse(client, session, prompt);
    const again = await converse(client, session, prompt.replace("Apollo", "Apollo and Gmail"));
    expect(lastText(again)).toContain("already exists");
    expect(only().servers.size).toBe(2);
    expect(meta.credentials).toHaveLength(2);
    const third = await converse(client, session, prompt);
    expect(lastText(third)).toContain("Nothing was missing");
    expect(meta.credentials).toHaveLength(2);
  });

  test("an agent for the person who asks has no owner in the call", async () => {
    await converse(client, session, "Create an invoice triage agent for me in /acme/legal with Gmail access.");
    const [created] = meta.calls.filter(({ tool }) => tool === "create_agent");
    expect(created?.input).not.toHaveProperty("owner");
    expect(meta.calls.map(({ tool }) => tool)).not.toContain("list_users");
  });

  test("a denied request is reported with its reason and nothing is wired", async () => {
    meta.approval.add("/acme/legal");
    const first = await converse(
      client,
      session,
      "Create a contract review agent for Jonas in /acme/legal with Gmail access.",
    );
    const request = /`(req_\w+)`/.exec(lastText(first))?.[1] as string;
    const second = await converse(client, session, `[powerloom] request ${request} denied: not this quarter`);
    expect(lastText(second)).toContain(`Request \`${request}\` was denied: not this quarter`);
    expect(meta.agents.size).toBe(0);
  });

  test("a question stays open while a decision on something else arrives", async () => {
    meta.approval.add("/acme/legal");
    const first = await converse(
      client,
      session,
      "Create a contract review agent for Jonas in /acme/legal with Gmail access.",
    );
    const request = /`(req_\w+)`/.exec(lastText(first))?.[1] as string;
    await converse(client, session, "Also set up a sales-prospecting agent for Jonas with Apollo access.");
    const id = meta.apply(request);
    await converse(
      client,
      session,
      `[powerloom] request ${request} applied: ${JSON.stringify({ operation: "agent.create", target: { type: "agent", id } })}`,
    );
    expect(meta.credentials).toHaveLength(1);
    await converse(client, session, "/acme/sales");
    expect([...meta.agents.values()].map(({ ou_path }) => ou_path)).toEqual(["/acme/legal", "/acme/sales"]);
  });

  test.each([
    ["Delete the sales-prospecting agent.", /not covered by my eleven tools/],
    ["Change the approval policy for production.", /not covered by my eleven tools/],
    ["Approve req_123.", /can't approve/],
    ["asdf qwer", /did not understand/],
  ])("admits what it cannot do: %s", async (prompt, answer) => {
    const events = await converse(client, session, prompt);
    expect(lastText(events)).toMatch(answer);
    expect(meta.calls).toEqual([]);
  });

  test("the conversation goes in dependency order and is narrated", async () => {
    const events = await converse(
      client,
      session,
      "Set up a sales-prospecting agent for Emma Novak in /acme/sales with Apollo and Gmail access.",
    );
    expect(toolNames(events)).toEqual([
      "list_ous",
      "list_users",
      "describe_user",
      "list_mcp_servers",
      "list_skills",
      "list_agents",
      "create_agent",
      "attach_mcp_server_to_agent",
      "attach_mcp_server_to_agent",
      "attach_skill_to_agent",
      "create_credential",
      "create_credential",
    ]);
    expect(texts(events)[0]).toBe("Let me check the current state.");
    expect(only().name).toBe("sales-prospecting-agent");
    expect(lastText(events).split("\n")).toEqual([
      "Done. Agent `sales-prospecting-agent` created in `/acme/sales`:",
      "- Model: claude-sonnet-4-6",
      "- Owner: emma@acme.example",
      "- MCP servers: apollo-mcp, gmail-mcp",
      "- Skills: prospect-research",
      "- Credentials: minted",
      "",
      expect.stringMatching(
        /^The reconciler will push this to CMA within a few seconds\. You can invoke it at `POST \/agents\//,
      ),
    ]);
    const used = events.filter((event: Event) => event.type === "agent.mcp_tool_use").length;
    expect(events.filter(({ type }) => type === "agent.mcp_tool_result")).toHaveLength(used);
  });
});
