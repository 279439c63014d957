import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { everything } from "../../support/everything.ts";
import { sharedStack, testSeed } from "../../support/organisation.ts";
import { ask, eventsOf, heardAfter, type Turn } from "./conversation.ts";
import { diceOf, fill, purposes, skills, slugOf } from "./pools.ts";
import { type Cast, type Scene, type Server, setScene } from "./scene.ts";
import { type AuditEntry, auditAfter, auditHead, toolsetsFor, type Witness, witnessOf } from "./witness.ts";
import { wordings } from "./wordings.ts";

const dice = diceOf(testSeed());
/** Every run takes an eighth of the wordings, drawn by the seed. */
const taken = (list: readonly string[]) => (everything ? [...list] : dice.draw(list, Math.ceil(list.length / 8)));
const work = dice.draw(purposes, 30);
const [spare] = purposes.filter((purpose) => !work.includes(purpose));
let scene: Scene;
let witness: Witness;
let head: number;

beforeAll(async () => {
  witness = witnessOf(sharedStack());
  scene = await setScene(dice);
  for (const [index, { path }] of scene.teams.entries())
    for (const name of ["watcher", "scribe"])
      await scene.organisation.admin.make("/agents", { name: `${name}-${index}`, ou: path });
});
afterAll(() => witness.close());

const called = (person: Cast) => dice.pick([person.name, person.first, person.email]);
const wired = (server: Server) => dice.pick([server.name, server.display]);
const agents = () => witness.agents(scene.organisation.organisationId);
const newest = async (known: Set<string>) => (await agents()).filter(({ id }) => !known.has(id));
const known = async () => new Set((await agents()).map(({ id }) => id));

/** Entries since the conversation began: sorted texts, so that a missing and a surplus one are both seen. */
async function entries(): Promise<AuditEntry[]> {
  return auditAfter(scene.organisation.admin, head);
}
const brief = ({ operation, target, outcome }: Pick<AuditEntry, "operation" | "target" | "outcome">) =>
  `${operation} ${target} ${outcome}`;

async function begin(person: Person, prompt: string): Promise<Turn> {
  head = await auditHead(scene.organisation.admin);
  return ask(person, scene.metaAgentId, prompt);
}

/** Every change of a conversation is in the trail as asked by the person, through the agent, in this session. */
function expectDelegated(list: AuditEntry[], person: { id: string }, sessionId: string): void {
  for (const { sub, act, delegated_from_session: session } of list)
    expect({ sub, act, session }).toEqual({ sub: person.id, act: `agent:${scene.metaAgentId}`, session: sessionId });
}

/** The agent is what was asked for in the database, at the provider, and in the trail; and it is there once. */
async function expectAgent(
  id: string,
  wanted: { ou: string; owner: string; servers: Server[]; skills: string[]; final: string },
): Promise<void> {
  const servers = wanted.servers.map(({ name }) => name).sort();
  const agent = await witness.synced(scene.organisation.organisationId, id);
  expect({ ...agent, servers: agent.servers, credentials: agent.credentials }).toMatchObject({
    ou: wanted.ou,
    owner: wanted.owner,
    servers,
    skills: wanted.skills,
    credentials: servers,
  });
  const held = await witness.atProvider(id);
  expect(held).toHaveLength(1);
  const [provided] = held;
  expect(provided?.mcp_servers.map(({ name }) => name).sort()).toEqual(servers);
  expect(provided?.skills).toHaveLength(wanted.skills.length);
  expect(provided?.tools).toHaveLength(servers.length + (wanted.skills.length > 0 ? 1 : 0));
  expect([...(provided?.tools ?? [])].sort(byName)).toMatchObject(
    toolsetsFor(servers, wanted.skills.length > 0).sort(byName),
  );
  expect({ id: provided?.id, version: provided?.version, name: provided?.name }).toEqual({
    id: agent.cma_agent_id,
    version: agent.cma_agent_version,
    name: agent.name,
  });
  expect(provided?.metadata["powerloom_organisation"]).toBe(scene.organisation.organisationId);
  expect(wanted.final).toContain(`/agents/${id}/invoke`);
  expect(wanted.final).toContain(`MCP servers: ${wanted.servers.map(({ name }) => name).join(", ")}`);
}

/** The provider may list toolsets in any order. */
const byName = (a: object, b: object) => nameIn(a).localeCompare(nameIn(b));
const nameIn = (toolset: object) => ("mcp_server_name" in toolset ? String(toolset.mcp_server_name) : "");

const wiringOf = (agent: { id: string }, servers: string[], skillIds: string[], credentials: string[]) => [
  ...servers.map((server) => `agent.attach_mcp_server attachment:${agent.id}/${server} applied`),
  ...skillIds.map((skill) => `agent.attach_skill attachment:${agent.id}/${skill} applied`),
  ...credentials.map((credential) => `credential.create credential:${credential} applied`),
];

async function expectedWiring(agentId: string): Promise<string[]> {
  const ids = (table: string, column: string) =>
    witness
      .rows<{ id: string }>(`select ${column} as id from ${table} where agent_id = $1`, [agentId])
      .then((rows) => rows.map(({ id }) => id));
  return wiringOf(
    { id: agentId },
    await ids("agent_mcp_servers", "mcp_server_id"),
    await ids("agent_skills", "skill_id"),
    await ids("credentials", "id"),
  );
}

const fitting = (topic: string | undefined) => skills.filter((skill) => skill.topic === topic).map(({ name }) => name);

const cases = (list: string[], offset = 0) =>
  list.map((template, index) => ({ template, work: work[offset + index] ?? work[0] }));

describe("a person asks for an agent", () => {
  test.each(cases(taken(wordings.provision)))(
    "provisions: $template",
    async ({ template, work: [purpose, topic] = purposes[0] }) => {
      const [a, b] = dice.draw(scene.servers, 2) as [Server, Server];
      const owner = dice.pick(scene.people);
      const team = dice.pick(scene.teams);
      const prompt = fill(template, {
        purpose,
        person: called(owner),
        team: dice.pick([team.display, team.name]),
        serverA: wired(a),
        serverB: wired(b),
      });
      const before = await known();
      const turn = await begin(scene.builder, prompt);
      const made = await newest(before);
      expect({ prompt, said: made.length === 1 ? "" : turn.said, made: made.length }).toEqual({
        prompt,
        said: "",
        made: 1,
      });
      const [agent] = made as [(typeof made)[number]];
      // As the prompt names them.
      const servers = [a, b].sort(
        (x, y) =>
          template.indexOf(x === a ? "{serverA}" : "{serverB}") - template.indexOf(y === a ? "{serverA}" : "{serverB}"),
      );
      const attached = template.includes("nothing else") ? [] : fitting(topic);
      await expectAgent(agent.id, { ou: team.path, owner: owner.email, servers, skills: attached, final: turn.final });
      const trail = await entries();
      expect(trail.map(brief).sort()).toEqual(
        [
          `agent.invoke session:${turn.sessionId} accepted`,
          `agent.create agent:${agent.id} applied`,
          ...(await expectedWiring(agent.id)),
        ].sort(),
      );
      expectDelegated(trail.slice(1), scene.builder, turn.sessionId);
    },
  );

  test("asking twice, in the same conversation and in another, reports and reuses", async () => {
    const [purpose] = spare ?? purposes[0];
    const owner = dice.pick(scene.people);
    const team = dice.pick(scene.teams);
    const [a, b] = dice.draw(scene.servers, 2) as [Server, Server];
    const asked = (servers: string) =>
      `Set up a ${purpose} agent for ${owner.email} in ${team.path} with ${servers} access.`;
    const before = await known();
    const first = await begin(scene.builder, asked(a.display));
    const [agent] = await newest(before);
    const position = (await eventsOf(scene.builder, first.sessionId)).at(-1)?.position ?? 0;
    await scene.builder.send("POST", `/sessions/${first.sessionId}/messages`, { text: asked(a.display) });
    const again = await heardAfter(scene.builder, first.sessionId, position, (text) => text === asked(a.display));
    expect(again.final).toContain("already exists");
    expect(again.final).toContain("Nothing was missing");
    head = await auditHead(scene.organisation.admin);
    const elsewhere = await ask(scene.builder, scene.metaAgentId, asked(`${a.name} and ${b.display}`));
    expect(elsewhere.final).toContain("already exists");
    expect(await newest(before)).toHaveLength(1);
    expect((await newest(before))[0]).toMatchObject({ id: agent?.id, servers: [a.name, b.name].sort() });
    const { id } = agent as { id: string };
    expect((await entries()).map(({ operation }) => operation).sort()).toEqual([
      "agent.attach_mcp_server",
      "agent.invoke",
      "credential.create",
    ]);
    await witness.synced(scene.organisation.organisationId, id);
    expect(await witness.atProvider(id)).toHaveLength(1);
  });
});

describe("a person asks for an agent where changes need approval", () => {
  test.each(cases(taken(wordings.approval), 10))(
    "waits, is approved by somebody else, is told, and finishes: $template",
    async ({ template, work: [purpose, topic] = purposes[0] }) => {
      const { organisation, builder, approver, guarded } = scene;
      const [a] = dice.draw(scene.servers, 1) as [Server];
      const owner = dice.pick(scene.people);
      const prompt = fill(template, { purpose, person: called(owner), ou: guarded.path, serverA: wired(a) });
      const before = await known();
      const turn = await begin(builder, prompt);
      const request = /`(req_\w+)`/.exec(turn.final)?.[1];
      expect({ prompt, final: turn.final }).toEqual({
        prompt,
        final: expect.stringMatching(/requires approval\. Request submitted \(ID: `req_\w+`\)/),
      });
      expect(await newest(before)).toEqual([]);
      expect(await builder.get(`/requests/${request}`)).toMatchObject({
        status: "pending_approval",
        operation: "agent.create",
        session_id: turn.sessionId,
      });

      const position = (await eventsOf(builder, turn.sessionId)).at(-1)?.position ?? 0;
      const approval = await approver.get<{ digest: string; diff: { summary: string } }>(`/approvals/${request}`);
      expect(approval.diff.summary).toContain(owner.email);
      const vote = await approver.send("POST", `/approvals/${request}/votes`, {
        decision: "approve",
        digest: approval.digest,
      });
      expect(vote.status).toBe(200);
      const told = await heardAfter(builder, turn.sessionId, position, (text) =>
        text.startsWith(`[powerloom] request ${request} applied`),
      );

      const made = await newest(before);
      expect({ prompt, said: made.length === 1 ? "" : told.said, made: made.length }).toEqual({
        prompt,
        said: "",
        made: 1,
      });
      const [agent] = made as [(typeof made)[number]];
      await expectAgent(agent.id, {
        ou: guarded.path,
        owner: owner.email,
        servers: [a],
        skills: fitting(topic),
        final: told.final,
      });
      const trail = await entries();
      expect(trail.map(brief).sort()).toEqual(
        [
          `agent.invoke session:${turn.sessionId} accepted`,
          "agent.create null pending_approval",
          `approval.vote request:${request} voted`,
          `agent.create agent:${agent.id} applied`,
          ...(await expectedWiring(agent.id)),
        ].sort(),
      );
      expectDelegated(
        trail.filter(({ operation }) => operation !== "agent.invoke" && operation !== "approval.vote"),
        builder,
        turn.sessionId,
      );
      expect(trail.find(({ operation }) => operation === "approval.vote")).toMatchObject({
        sub: approver.id,
        act: null,
      });
      expect(
        trail.find(({ operation, outcome }) => operation === "agent.create" && outcome === "applied")?.approval_id,
      ).toBe(request);
      expect(organisation.admin.email).not.toBe(approver.email);
    },
  );
});

describe("a person asks for an agent where they have no right", () => {
  test.each(cases(taken(wordings.forbidden), 20))(
    "shows the raw refusal and stops: $template",
    async ({ template, work: [purpose] = purposes[0] }) => {
      const { limited, closed } = scene;
      const [a] = dice.draw(scene.servers, 1) as [Server];
      const owner = dice.pick(scene.people);
      const prompt = fill(template, { purpose, person: called(owner), ou: closed.path, serverA: wired(a) });
      const before = await known();
      const atProvider = await countAtProvider();
      const turn = await begin(limited, prompt);
      expect({ prompt, final: turn.final }).toEqual({
        prompt,
        final: expect.stringMatching(/^API returned 403: insufficient permissions\. You need `agent:create`/),
      });
      expect(turn.final).toContain(closed.path);
      expect(turn.tools.filter((name) => /^(create|attach)/.test(name))).toEqual(["create_agent"]);
      expect(await newest(before)).toEqual([]);
      expect(await countAtProvider()).toBe(atProvider);
      const trail = await entries();
      expect(trail.map(brief)).toEqual([
        `agent.invoke session:${turn.sessionId} accepted`,
        "agent.create null refused",
      ]);
      expectDelegated(trail.slice(1), limited, turn.sessionId);
      expect(trail[1]?.ou).toBe(closed.path);
    },
  );
});

describe("a person asks what there is", () => {
  test.each(taken(wordings.inventory))("names all of that OU and nothing else: %s", async (template) => {
    const index = scene.teams.indexOf(dice.pick(scene.teams));
    const team = scene.teams[index] as Scene["teams"][number];
    const prompt = fill(template, { team: dice.pick([team.display, team.name]) });
    const before = JSON.stringify(await agents());
    const turn = await begin(scene.builder, prompt);
    const here = (await agents()).filter(({ ou }) => ou === team.path).map(({ name }) => name);
    expect(here.length).toBeGreaterThan(1);
    const listed = [...turn.final.matchAll(/^- `([^`]+)`/gm)].map((match) => match[1] ?? "");
    expect({ prompt, listed: listed.sort() }).toEqual({
      prompt,
      listed: [...here, scene.local[index]?.name ?? ""].sort(),
    });
    expect(JSON.stringify(await agents())).toBe(before);
    expect((await entries()).map(brief)).toEqual([`agent.invoke session:${turn.sessionId} accepted`]);
  });
});

test("after all conversations the audit chain is intact, and slugs of names stay names", async () => {
  expect(await scene.organisation.admin.get("/audit/verify")).toMatchObject({ intact: true });
  expect(scene.teams.every(({ name, display }) => slugOf(display) === name)).toBe(true);
});

async function countAtProvider(): Promise<number> {
  let count = 0;
  for await (const { metadata } of witness.claude.beta.agents.list({ limit: 100 }))
    if (metadata["powerloom_organisation"] === scene.organisation.organisationId) count += 1;
  return count;
}
