import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../durability/stage.ts";
import { diceOf } from "../integration/conversations/pools.ts";
import { type Scene, setScene } from "../integration/conversations/scene.ts";
import { eventually, testSeed } from "../support/organisation.ts";

let stage: Stage;
let scene: Scene;

beforeAll(async () => {
  stage = await openStage();
  scene = await setScene(diceOf(testSeed()), {
    apiUrl: stage.stack.apiUrl,
    databaseUrl: stage.stack.databaseUrl,
  });
});
afterAll(() => stage.close());

test("a worker that is away longer than a tool call waits: the conversation is told later, and finishes the wiring", async () => {
  const { builder, metaAgentId, organisation, teams, people, servers } = scene;
  const [person, team, server] = [people[0], teams[0], servers[0]];
  const { session_id: id } = await builder.make<{ session_id: string }>(`/agents/${metaAgentId}/invoke`, {
    prompt: `Set up a code review agent for ${person?.email} in ${team?.path} with ${server?.name} access.`,
  });
  const results = () =>
    stage.witness.rows("select from session_events where session_id = $1 and type = 'agent.mcp_tool_result'", [id]);
  await eventually(async () => ((await results()).length >= 3 ? true : undefined), "three tool results");
  const worker = stage.stack.supervisor.state("worker");
  const pid = worker?.status === "running" ? worker.pid : undefined;
  if (pid === undefined) throw new Error("the worker does not run");
  process.kill(pid, "SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  process.kill(pid, "SIGCONT");
  await eventually(
    async () => {
      const [session] = await stage.witness.rows<{ final_message: string | null }>(
        "select final_message from sessions where id = $1",
        [id],
      );
      return session?.final_message?.includes("/invoke") ? true : undefined;
    },
    "the conversation comes to its end",
    60_000,
  );
  const agents = (await stage.witness.agents(organisation.organisationId)).filter(
    (agent) => agent.name !== "powerloom-meta",
  );
  expect(agents).toHaveLength(1);
  const credentials = await stage.witness.rows(
    "select from credentials c join agents a on a.id = c.agent_id where a.name <> 'powerloom-meta' and c.revoked_at is null and c.organisation_id = $1",
    [organisation.organisationId],
  );
  expect(credentials).toHaveLength(1);
}, 150_000);
