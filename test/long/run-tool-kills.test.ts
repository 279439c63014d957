import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Person } from "../../demo/api.ts";
import { openStage, type Stage } from "../durability/stage.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../support/organisation.ts";
import { armMind, decideNext, ended } from "../support/runs.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";

let stage: Stage;
let organisation: TestOrganisation;
let bob: Person;
let eve: Person;
let tracker: Tracker;

beforeAll(async () => {
  const agents = fileURLToPath(new URL("../fixtures/agents", import.meta.url));
  stage = await openStage({ without: ["mcp"], extraEnvironment: { POWERLOOM_AGENTS_DIR: agents } });
  organisation = await makeOrganisation("killed-calls", stage.stack);
  const { root, admin } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
  tracker = await startTracker("2026", stage.stack.apiUrl);
  await admin.make("/mcp-servers", { name: "tracker", ou: root, url: tracker.url });
});
afterAll(async () => {
  await tracker?.close();
  await stage?.close();
});

const seen = (method: string) => tracker.seen.filter((one) => one.method === method).length;

async function start(name: string): Promise<string> {
  const turns = [
    { tool_uses: [{ name: "tracker__get_issue", input: { key: "K" } }] },
    { output: { result: "{{last}}" } },
  ];
  const models = await armMind(name, { orchestrator: { turns } }, stage.stack.simulatorUrl);
  return (await bob.make<{ id: string }>("/runs", { task: "Keep the tracker.", agent: "clerk", models })).id;
}

test("a call of a server's tool that was under way when the worker died is not made again: the agent is told", async () => {
  tracker.answer = () => new Promise(() => undefined);
  const id = await start("lost-call");
  await decideNext(eve, "approve", organisation.root);
  await eventually(async () => (seen("tools/call") > 0 ? true : undefined), "the call has reached the server");
  await stage.kill("worker");
  await stage.again("worker");
  expect(await ended(bob, id, 60_000)).toMatchObject({
    status: "completed",
    output: { result: expect.stringContaining("Whether it was carried out is not known") },
  });
  expect(seen("tools/call")).toBe(1);
});

test("a worker that dies while servers are asked for their tools: the tree starts once, with what they have", async () => {
  const { list } = tracker;
  let asked = 0;
  tracker.list = async (cursor) => {
    asked += 1;
    return asked === 2 ? new Promise(() => undefined) : list(cursor);
  };
  tracker.answer = (tool) => ({ content: [{ type: "text", text: tool }] });
  const id = await start("lost-listing");
  await eventually(async () => (asked === 2 ? true : undefined), "the servers are asked");
  await stage.kill("worker");
  await stage.again("worker");
  await decideNext(eve, "approve", organisation.root);
  expect(await ended(bob, id, 60_000)).toMatchObject({ status: "completed", output: { result: "get_issue" } });
  const events = await stage.witness.rows<{ type: string }>(
    "select type from run_events where run_id = $1 and type in ('run_started', 'tools_unavailable') order by position",
    [id],
  );
  expect(events.map(({ type }) => type)).toEqual(["run_started", "tools_unavailable"]);
});
