import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStage, type Stage, stopwatch } from "../durability/stage.ts";
import { diceOf } from "../integration/conversations/pools.ts";
import { auditAfter } from "../integration/conversations/witness.ts";
import { eventually, makeOrganisation, testSeed } from "../support/organisation.ts";

const dice = diceOf(testSeed());
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const urls = () => ({ apiUrl: stage.stack.apiUrl, databaseUrl: stage.stack.databaseUrl });

describe.each(["postgres", "temporal"])("SIGKILL of %s while changes are made", (part) => {
  test("each change is applied once or refused, never half, and new changes go through", async () => {
    const { admin, root, organisationId } = await makeOrganisation("storm", urls());
    const names = Array.from({ length: 24 }, (_, index) => `a-${index}`);
    const post = (name: string): Promise<{ status: number; body: Record<string, unknown> }> =>
      admin
        .send("POST", "/agents", { name, ou: root }, { "Idempotency-Key": name })
        .catch(() => ({ status: 0, body: {} }));
    const storm = names.map(async (name, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 25));
      return (await post(name)).status;
    });
    await new Promise((resolve) => setTimeout(resolve, 100 + dice.pick([0, 40, 80, 120, 160, 200, 240])));
    const since = stopwatch();
    await stage.kill(part);
    const first = await Promise.all(storm);
    await stage.again(part);
    const up = since();
    const fresh = await eventually(
      async () => {
        const answer = await admin
          .send("POST", "/agents", { name: "fresh", ou: root }, { "Idempotency-Key": "fresh" })
          .catch(() => undefined);
        return answer?.status === 201 ? answer : undefined;
      },
      "a new change goes through",
      45_000,
    );
    const progress = since();
    expect(fresh.body["name"]).toBe("fresh");

    // The same keys again: what was done is answered, what was not is done now.
    const final = await Promise.all(
      names.map((name) =>
        eventually(
          async () => {
            const answer = await post(name);
            return answer.status === 201 ? answer.body : undefined;
          },
          `${name} is answered`,
          30_000,
        ),
      ),
    );
    const spread = Object.entries(Object.groupBy(first, String)).map(([status, list]) => `${list?.length} × ${status}`);
    const ended = ["api", "worker"].map((name) => `${name} ${stage.restarts(name)} times`).join(", ");
    console.log(
      `${part} killed during 24 changes (${spread.join(", ")}): runs again after ${up} s, a new change is applied after ${progress} s, all after ${since()} s; restarted so far: ${ended}`,
    );
    const agents = await stage.witness.agents(organisationId);
    expect(agents.map(({ id }) => id).sort()).toEqual(
      [...final.map((body) => String(body["id"])), String(fresh.body["id"])].sort(),
    );
    const operations = await stage.witness.rows<{ status: string }>(
      "select status from operations where organisation_id = $1",
      [organisationId],
    );
    expect(operations.filter(({ status }) => !["applied", "refused"].includes(status))).toEqual([]);
    const created = (await auditAfter(admin, 0)).filter(
      ({ operation, outcome }) => operation === "agent.create" && outcome === "applied",
    );
    expect(created.map(({ target }) => target ?? "").sort()).toEqual(agents.map(({ id }) => `agent:${id}`).sort());
    expect(await admin.get("/audit/verify")).toMatchObject({ intact: true });
    for (const { id } of agents.slice(0, 3)) await stage.witness.synced(organisationId, id);
  });
});
