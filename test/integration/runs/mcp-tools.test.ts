import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { query } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, eventsOf, type Said } from "../../support/runs.ts";
import { introspect, startTracker, type Tracker } from "../../support/tracker.ts";

interface World extends TestOrganisation {
  bob: Person & { id: string };
  eve: Person & { id: string };
  tracker: Tracker;
}

const worlds: World[] = [];
const trackers: Tracker[] = [];

/** An organisation with a tracker that checks who asks, registered at its root. */
async function makeWorld(label: string, era: "2025" | "2026" = "2026"): Promise<World> {
  const organisation = await makeOrganisation(label);
  const { root } = organisation;
  const bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  const eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
  const tracker = await tracked(era);
  const world = { ...organisation, bob, eve, tracker };
  await register(world, root, tracker);
  worlds.push(world);
  return world;
}

async function tracked(era: "2025" | "2026" = "2026"): Promise<Tracker> {
  const tracker = await startTracker(era);
  trackers.push(tracker);
  return tracker;
}

async function register({ admin }: TestOrganisation, ou: string, tracker: Tracker, name = "tracker"): Promise<string> {
  const made = await admin.make<{ id: string; introspection_secret: string }>("/mcp-servers", {
    name,
    ou,
    url: tracker.url,
  });
  tracker.client = { id: made.id, secret: made.introspection_secret };
  return made.id;
}

afterAll(() => Promise.all(trackers.map((tracker) => tracker.close())));

const use = (name: string, input: Record<string, unknown>): Said => ({ tool_uses: [{ name, input }] });
const done = (result: string): Said => ({ output: { result } });

/** Starts a run of a clerk that does one thing after the other. */
async function start(
  { bob, root }: World,
  turns: Said[],
  { agent = "clerk", ou = root, person = bob }: { agent?: string; ou?: string; person?: Person } = {},
): Promise<string> {
  const models = await armMind(`clerk-${crypto.randomUUID()}`, { orchestrator: { turns } });
  const { id } = await person.make<{ id: string }>("/runs", { task: "Keep the tracker.", agent, ou, models });
  return id;
}

const callsOf = (tracker: Tracker) => tracker.seen.filter(({ method }) => method === "tools/call");

/** Texts of the answers to tool calls that the model was given, in order. */
async function answersIn(runId: string): Promise<string[]> {
  const rows = await query<{ text: string }>(
    `select block -> 'content' -> 0 ->> 'text' as text from run_messages, jsonb_array_elements(content) as block
      where run_id = $1 and block ->> 'type' = 'tool_result' order by position`,
    [runId],
  );
  return rows.map((row) => row.text);
}

const storedTools = async (runId: string) =>
  (await query<{ name: string }>("select name from run_tools where root_run_id = $1 order by name", [runId])).map(
    ({ name }) => name,
  );

const unavailable = async (person: Person, runId: string) =>
  (await eventsOf(person, runId)).filter(({ type }) => type === "tools_unavailable").map(({ payload }) => payload);

describe.each(["2025", "2026"] as const)("a tool of a registered server that speaks the protocol of %s", (era) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(`mcp${era}`, era);
  });

  test("is found, asked for, approved and called for the person; its result reaches the model", async () => {
    const { bob, eve, tracker, root } = world;
    const id = await start(world, [
      use("search_tools", { query: "create an issue" }),
      use("get_tool_schema", { name: "tracker__create_issue" }),
      use("tracker__create_issue", { title: "Broken" }),
      done("made {{last.key}}"),
    ]);
    expect((await decideNext(eve, "approve", root)).id).toBeTruthy();
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "completed", output: { result: "made ISSUE-6" } });
    const [found, schema] = await answersIn(id);
    expect(JSON.parse(found ?? "").tools[0]).toMatchObject({
      name: "tracker__create_issue",
      risk: "high",
      read_only: false,
    });
    expect(JSON.parse(schema ?? "")).toMatchObject({
      input_schema: { required: ["title"] },
      output_schema: { required: ["key"] },
    });
    const calls = callsOf(tracker);
    expect(calls).toMatchObject([
      {
        tool: "create_issue",
        identity: {
          active: true,
          sub: bob.id,
          username: bob.email,
          act: { sub: `run:${id}` },
          scope: "create_issue",
          aud: tracker.url,
          client_id: "clerk",
        },
      },
    ]);
    const listed = tracker.seen.filter(({ method }) => method === "tools/list");
    expect(listed).toHaveLength(tracker.tools.length);
    expect(listed[0]?.identity).toMatchObject({
      active: true,
      sub: bob.id,
      act: { sub: `run:${id}` },
      scope: "tools/list",
    });
    // Both kinds of token are of no use any more.
    for (const { token } of [...calls, ...listed])
      expect(await introspect(tracker.client ?? { id: "", secret: "" }, token ?? "")).toEqual({ active: false });
    expect(await storedTools(id)).toEqual(["tracker__create_issue", "tracker__get_issue", "tracker__issues_search"]);
    expect(await unavailable(bob, id)).toEqual([
      {
        server: "tracker",
        reason: "1 of its tools cannot be used",
        tools: [{ tool: "broken", reason: expect.stringContaining("schema") }],
      },
    ]);
  });

  test("is asked for however harmless it says it is, and a denial is the call's answer", async () => {
    const { bob, eve, tracker, root } = world;
    const before = callsOf(tracker).length;
    const id = await start(world, [use("tracker__get_issue", { key: "ISSUE-1" }), done("{{last}}")]);
    await decideNext(eve, "deny", root);
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "completed", output: { result: expect.stringContaining("approval-denied") } });
    expect(callsOf(tracker)).toHaveLength(before);
  });

  test("whose name models cannot be offered is called by its own", async () => {
    const { bob, eve, tracker, root } = world;
    const id = await start(world, [use("tracker__issues_search", { q: "crash" }), done("{{last}}")]);
    await decideNext(eve, "approve", root);
    expect(await ended(bob, id)).toMatchObject({ output: { result: 'issues.search {"q":"crash"}' } });
    expect(callsOf(tracker).at(-1)).toMatchObject({ tool: "issues.search", identity: { scope: "issues.search" } });
  });
});
