import { afterAll, beforeAll, expect, test } from "vitest";
import { createAgent, findTaggedAgent } from "../../claude/agents.ts";
import { createSession, createVault, findTaggedSession } from "../../claude/sessions.ts";
import { metadataKeys } from "../../core/reconcile/agent-definition.ts";
import { environment, start } from "./harness.ts";

let stage: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  stage = await start();
});
afterAll(() => stage.simulator.close());

const agentId = "01a2033a-0000-7000-8000-000000000001";
const sessionId = "01a2033a-0000-7000-8000-000000000002";
const hours = (count: number) => new Date(Date.now() + count * 3_600_000);

test.each([-13, -1, 0, 0.17, 1, 13])(
  "what was created and not recorded is found by its tag, though our clock is %d hours ahead of the provider's",
  async (ahead) => {
    const { client } = stage;
    const tag = `${agentId}${ahead}`;
    const made = await createAgent(client, {
      name: "a",
      description: "",
      system: "",
      model: "claude-opus-5-5",
      mcpServers: [],
      skills: [],
      metadata: { [metadataKeys.agent]: tag },
    });
    expect(await findTaggedAgent(client, tag, hours(ahead))).toMatchObject({ id: made.id });
    expect(await findTaggedAgent(client, `${tag}-other`, hours(ahead))).toBeUndefined();
    const session = await createSession(client, {
      sessionId: `${sessionId}${ahead}`,
      agentId: made.id,
      agentVersion: made.version,
      environmentId: await environment(client),
      vaultId: await createVault(client, sessionId),
      title: "a",
    });
    expect(await findTaggedSession(client, `${sessionId}${ahead}`, hours(ahead))).toEqual(session);
  },
);
