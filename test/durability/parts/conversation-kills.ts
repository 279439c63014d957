import { beforeAll, describe, expect, test } from "vitest";
import { diceOf, purposes } from "../../integration/conversations/pools.ts";
import { type Scene, type Server, setScene } from "../../integration/conversations/scene.ts";
import { auditAfter, auditHead } from "../../integration/conversations/witness.ts";
import { everything } from "../../support/everything.ts";
import { eventually, testSeed } from "../../support/organisation.ts";
import { type Stage, stopwatch } from "../stage.ts";

/** SIGKILL of each part while an agent provisions in a conversation. */
export function conversationKills(stage: () => Stage): void {
  describe("a conversation", () => {
    const seed = testSeed();
    const dice = diceOf(seed);
    const work = dice
      .draw(
        purposes.filter(([, topic]) => topic === undefined),
        8,
      )
      .map(([purpose]) => purpose);
    let scene: Scene;

    beforeAll(async () => {
      scene = await setScene(dice, { apiUrl: stage().stack.apiUrl, databaseUrl: stage().stack.databaseUrl });
    });

    const results = (sessionId: string) =>
      stage()
        .witness.rows<{ count: number }>(
          `select count(*)::int as count from session_events where session_id = $1 and type = 'agent.mcp_tool_result'
         and coalesce((payload ->> 'is_error')::boolean, false) = false`,
          [sessionId],
        )
        .then((rows) => rows[0]?.count ?? 0);

    interface SessionFacts {
      status: string;
      final_message: string | null;
      cma_session_id: string | null;
    }
    const session = async (id: string) =>
      (
        await stage().witness.rows<SessionFacts>(
          "select status, final_message, cma_session_id from sessions where id = $1",
          [id],
        )
      )[0];

    /** Provider objects of ours that carry a session's tag. */
    async function tagged<Item extends { metadata: Record<string, string> }>(
      list: AsyncIterable<Item>,
      id: string,
    ): Promise<number> {
      let count = 0;
      for await (const { metadata } of list) if (metadata["powerloom_session"] === id) count += 1;
      return count;
    }

    test.each(everything ? ["worker", "api", "mcp", "simulator"] : ["worker"])(
      "SIGKILL of the %s in the middle of it: it goes on after the restart, and nothing happens twice",
      async (part) => {
        const { organisation, builder, metaAgentId } = scene;
        const [a, b] = dice.draw(scene.servers, 2) as [Server, Server];
        const owner = dice.pick(scene.people);
        const team = dice.pick(scene.teams);
        const prompt = `Set up a ${work.pop()} agent for ${owner.email} in ${team.path} with ${a.name} and ${b.name} access.`;
        const before = new Set((await stage().witness.agents(organisation.organisationId)).map(({ id }) => id));
        const head = await auditHead(organisation.admin);
        const { session_id: id } = await builder.make<{ session_id: string }>(`/agents/${metaAgentId}/invoke`, {
          prompt,
        });

        const nth = dice.pick([1, 2, 3, 4, 5, 6, 7, 8, 9]);
        await eventually(async () => ((await results(id)) >= nth ? true : undefined), `tool call ${nth}`, 30_000);
        const since = stopwatch();
        await stage().kill(part);
        const done = await results(id);
        await stage().again(part);
        const up = since();
        // Killed behind the last tool call, there is no further result to come: then the end is the progress.
        const goesOn = async () => (await results(id)) > done || (await session(id))?.final_message != null;
        await eventually(async () => ((await goesOn()) ? true : undefined), "the conversation goes on", 30_000);
        const progress = since();
        const ended = await eventually(
          async () => {
            const now = await session(id);
            // Away for longer than a request waits, the agent says first that its request is still being applied.
            const over =
              now?.status === "idle" && now.final_message !== null && !/still being applied/.test(now.final_message);
            return over ? now : undefined;
          },
          "the conversation ends",
          45_000,
        );
        console.log(
          `${part} killed after tool call ${nth} (${done} recorded): runs again after ${up} s, progress after ${progress} s (${Math.round((progress - up) * 100) / 100} s after the restart), finished after ${since()} s`,
        );

        const made = (await stage().witness.agents(organisation.organisationId)).filter(
          (agent) => !before.has(agent.id),
        );
        expect({ made: made.length, final: ended.final_message }).toEqual({
          made: 1,
          // Away for longer than a request waits, the agent is told that its request was taken, and the outcome as news later.
          final: expect.stringMatching(
            new RegExp(`/agents/${made[0]?.id}/invoke|^Request \`req_[0-9a-f]+\` was applied`),
          ),
        });
        const servers = [a.name, b.name].sort();
        const agentId = made[0]?.id ?? "";
        // A change whose call was answered while it was still being applied comes after the last word.
        const whole = await eventually(
          async () => {
            const agent = (await stage().witness.agents(organisation.organisationId)).find(({ id }) => id === agentId);
            return agent?.credentials.length === servers.length ? agent : undefined;
          },
          "all that was asked for is there",
          30_000,
        );
        expect(whole).toMatchObject({ ou: team.path, owner: owner.email, servers, credentials: servers });
        await stage().witness.synced(organisation.organisationId, agentId);
        expect(await stage().witness.atProvider(agentId)).toHaveLength(1);

        const changes = (await auditAfter(organisation.admin, head)).filter(
          ({ operation }) => operation !== "agent.invoke",
        );
        expect(changes.map(({ operation, outcome }) => `${operation} ${outcome}`).sort()).toEqual([
          "agent.attach_mcp_server applied",
          "agent.attach_mcp_server applied",
          "agent.create applied",
          "credential.create applied",
          "credential.create applied",
        ]);
        expect(new Set(changes.map((entry) => entry.delegated_from_session))).toEqual(new Set([id]));

        const { claude } = stage().witness;
        expect(await tagged(claude.beta.sessions.list({ limit: 100 }), id)).toBe(1);
        expect(await tagged(claude.beta.vaults.list({ limit: 100 }), id)).toBe(1);
        const told: string[] = [];
        // What was still being applied when its call was answered is told later: that is news, not the prompt again.
        for await (const event of claude.beta.sessions.events.list(ended.cma_session_id ?? "", { limit: 1000 }))
          if (event.type === "user.message" && !JSON.stringify(event.content).includes("[powerloom] request"))
            told.push(event.id);
        expect(told.length, "the prompt is sent once").toBe(1);
        expect(await organisation.admin.get("/audit/verify")).toMatchObject({ intact: true });
      },
    );
  });
}
