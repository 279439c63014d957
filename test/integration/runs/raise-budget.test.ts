import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, eventsOf, runWhen } from "../../support/runs.ts";

// The agents `spender` and `spending-desk` of test/fixtures/agents have `budget_enforcement: soft`.

let organisation: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("raises");
  const { root } = organisation;
  bob = await organisation.person("bob", {
    roles: [
      { role: "AgentBuilder", ou: root },
      { role: "Approver", ou: root },
    ],
  });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
});

const look = (name: string) => ({ tool_uses: [{ name: "read_file", input: { path: `${name}.txt` } }] });
const names = ["a", "b", "c", "d"];
const files = names.map((name) => ({ path: `${name}.txt`, content: name }));
const done = { output: { summary: "read" } };
const readers = { reader: { turns: [...names.map(look), done] } };

async function begin(name: string, minds: object, more: Record<string, unknown>): Promise<string> {
  const model = Object.values(await armMind(name, minds as Parameters<typeof armMind>[1]))[0];
  const models = { reader: model, orchestrator: model };
  const { id } = await bob.make<{ id: string }>("/runs", { task: "Read.", agent: "spender", files, models, ...more });
  return id;
}

interface Approval {
  id: string;
  kind: string;
  status: string;
  digest: string;
  diff: { before: { budget: Record<string, number> }; after: { budget: Record<string, number> } };
}

async function requestsOf(id: string): Promise<Approval[]> {
  const { data } = await eve.get<{ data: (Approval & { diff: { after: { run_id?: string } } })[] }>(
    "/approvals?limit=200",
  );
  return data.filter(({ kind, diff }) => kind === "budget" && diff.after.run_id === id);
}

const typesOf = async (id: string) => (await eventsOf(bob, id)).map(({ type }) => type);

describe("a run that meets its cap and may ask for more", () => {
  test("waits for a person, goes on with what they allow, and asks again when that is used up", async () => {
    const id = await begin("asks", readers, { budget: { tokens: 200_000, calls: 2 } });
    const waiting = await runWhen(bob, id, ({ status }) => status === "waiting", "it asks");
    expect(waiting).toMatchObject({ used: { calls: 2 }, waiting_for: expect.stringMatching(/^budget_/) });
    const [request] = await requestsOf(id);
    expect(request?.diff).toMatchObject({ before: { budget: { calls: 2 } }, after: { budget: { calls: 4 } } });

    // Whoever the run acts for does not decide, approver or not.
    const own = await bob.send("POST", `/approvals/${request?.id}/votes`, {
      decision: "approve",
      digest: request?.digest,
    });
    expect(own.status).toBe(403);
    // A pause in between changes nothing about what it waits for.
    expect((await bob.send("POST", `/runs/${id}/pause`, {})).status).toBe(202);
    await runWhen(bob, id, ({ status }) => status === "paused", "it pauses");
    expect((await bob.send("POST", `/runs/${id}/resume`, {})).status).toBe(202);
    await runWhen(bob, id, ({ status }) => status === "waiting", "it waits on");

    await decideNext(eve, "approve", organisation.root, "budget");
    await runWhen(bob, id, ({ status, used }) => status === "waiting" && used.calls === 4, "it asks again");
    await decideNext(eve, "approve", organisation.root, "budget");
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "completed", used: { calls: 5 }, budget: { tokens: 200_000, calls: 6 } });
    const types = (await typesOf(id)).filter((type) => type.startsWith("budget_r"));
    expect(types).toEqual(["budget_requested", "budget_raised", "budget_requested", "budget_raised"]);
    const { data } = await organisation.admin.get<{ data: { operation: string; outcome: string; act: string }[] }>(
      "/audit?operation=run.budget&limit=200",
    );
    expect(data.filter(({ act }) => act === `run:${id}`).map(({ outcome }) => outcome)).toEqual([
      "applied",
      "pending_approval",
      "applied",
      "pending_approval",
    ]);
  });

  test.each(variant("may be given more time, which begins when it is given"))("%s", async () => {
    const slow = { reader: { turns: [{ ...look("a"), delay_ms: 2_500 }, look("b"), done] } };
    const id = await begin("late", slow, { budget: { tokens: 200_000, wall_seconds: 2 } });
    await runWhen(bob, id, ({ status }) => status === "waiting", "it asks", 60_000);
    const [request] = await requestsOf(id);
    expect(request?.diff.after.budget).toMatchObject({ wall_seconds: 4 });
    await decideNext(eve, "approve", organisation.root, "budget");
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
  });

  test("ends when it is denied, and says who said what", async () => {
    const id = await begin("denied", readers, { budget: { tokens: 200_000, calls: 1 } });
    await runWhen(bob, id, ({ status }) => status === "waiting", "it asks");
    await decideNext(eve, "deny", organisation.root, "budget");
    const run = await ended(bob, id);
    expect(run).toMatchObject({
      status: "stopped",
      reason: { rule: "budget-exhausted", reason: expect.stringContaining("denied: as the test says") },
      used: { calls: 1 },
      budget: { calls: 1 },
    });
    expect(await typesOf(id)).toContain("budget_refused");
  });

  test("ends by itself when nobody decides in time, and what comes later changes nothing", async () => {
    const { id: ou } = await organisation.admin.make<{ id: string }>("/ous", {
      parent: organisation.root,
      name: "slow",
    });
    await organisation.admin.make(`/ous/${ou}/budget`, { tokens_limit: 500_000 });
    const spending = { reader: { turns: [{ ...look("a"), usage: { input_tokens: 29_000 } }, done] } };
    const id = await begin("undecided", spending, { ou, budget: { tokens: 30_000 } });
    await runWhen(bob, id, ({ status }) => status === "waiting", "it asks");
    const [request] = await requestsOf(id);
    // Two seconds instead of a day: told to look again, the run sets its own clock by that.
    await asSuperuser((sql) =>
      sql.query("update approval_requests set expires_at = clock_timestamp() + interval '2 seconds' where id = $1", [
        request?.id,
      ]),
    );
    for (const what of ["pause", "resume"])
      expect((await bob.send("POST", `/runs/${id}/${what}`, {})).status).toBe(202);
    expect(await ended(bob, id)).toMatchObject({
      status: "stopped",
      budget: { tokens: 30_000 },
      reason: { rule: "budget-exhausted", reason: expect.stringContaining("expired: nobody decided in time") },
    });
    expect(await requestsOf(id)).toMatchObject([{ status: "expired" }]);
    const late = { decision: "approve", digest: request?.digest };
    expect((await eve.send("POST", `/approvals/${request?.id}/votes`, late)).status).toBe(409);
    const types = (await typesOf(id)).filter((type) => type.startsWith("budget_r"));
    expect(types).toEqual(["budget_requested", "budget_refused"]);
    const { data } = await organisation.admin.get<{ data: Record<string, unknown>[] }>(`/budgets?ou=${ou}`);
    expect(data).toMatchObject([{ tokens_held: 0 }]);
  });

  test("cancelled while it waits, it leaves nothing to decide", async () => {
    const id = await begin("cancelled", readers, { budget: { tokens: 200_000, calls: 1 } });
    await runWhen(bob, id, ({ status }) => status === "waiting", "it asks");
    expect((await bob.send("POST", `/runs/${id}/cancel`, {})).status).toBe(202);
    expect(await ended(bob, id)).toMatchObject({ status: "cancelled" });
    expect(await requestsOf(id)).toMatchObject([{ status: "cancelled" }]);
  });

  test("gets no more than its OU has left, whoever approves", async () => {
    const { id: ou } = await organisation.admin.make<{ id: string }>("/ous", {
      parent: organisation.root,
      name: "poor",
    });
    await organisation.admin.make(`/ous/${ou}/budget`, { tokens_limit: 50_000 });
    const id = await begin(
      "poor",
      { reader: { turns: [{ ...look("a"), usage: { input_tokens: 29_000 } }, done] } },
      {
        ou,
        budget: { tokens: 30_000 },
      },
    );
    await runWhen(bob, id, ({ status }) => status === "waiting", "it asks");
    await decideNext(eve, "approve", organisation.root, "budget");
    expect(await ended(bob, id)).toMatchObject({
      status: "stopped",
      budget: { tokens: 30_000 },
      reason: { reason: expect.stringContaining("has 20") },
    });
    const { data } = await organisation.admin.get<{ data: { ou_path: string; tokens_held: number }[] }>(
      `/budgets?ou=${ou}`,
    );
    expect(data).toMatchObject([{ tokens_held: 0 }]);
  });

  test("does not have its subagents ask: their end is an answer to whoever started them", async () => {
    const minds = {
      orchestrator: {
        turns: [
          { tool_uses: [{ name: "delegate", input: { agent: "spender", input: { task: "Read all." } } }] },
          { output: { summary: "it was stopped" } },
        ],
      },
      ...readers,
    };
    const id = await begin("desk", minds, { agent: "spending-desk", budget: { tokens: 200_000, calls: 4 } });
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "completed", output: { summary: "it was stopped" } });
    expect(run.children).toMatchObject([{ agent: "spender", status: "stopped" }]);
    expect(await requestsOf(id)).toEqual([]);
  });

  test.each(["denied", "cancelled"] as const)(
    "%s, it leaves no subagent that waits to be started for ever",
    async (how) => {
      const delegate = (task: string) => ({ name: "delegate", input: { agent: "spender", input: { task } } });
      const minds = {
        orchestrator: { turns: [{ tool_uses: ["1", "2", "3"].map(delegate) }, { output: { summary: "all" } }] },
        ...readers,
      };
      const { id: ou } = await organisation.admin.make<{ id: string }>("/ous", {
        parent: organisation.root,
        name: how,
      });
      await organisation.admin.make(`/ous/${ou}/budget`, { tokens_limit: 500_000, cost_usd_limit: 50 });
      const more = { agent: "spending-desk", ou, budget: { tokens: 9_000 } };
      const id = await begin(`unbegun-${how}`, minds, more);
      await runWhen(bob, id, ({ status }) => status === "waiting", "it asks");
      if (how === "denied") await decideNext(eve, "deny", organisation.root, "budget");
      else expect((await bob.send("POST", `/runs/${id}/cancel`, {})).status).toBe(202);
      const run = await ended(bob, id);
      expect(run.children).toHaveLength(3);
      for (const child of run.children) expect(child).toMatchObject({ completed_at: expect.any(String) });
      expect(run.children.map(({ reason }) => reason?.rule)).toContain("never-begun");
      // What was held for the tree, first and more, is held no longer.
      const { data } = await organisation.admin.get<{ data: Record<string, unknown>[] }>(`/budgets?ou=${ou}`);
      expect(data).toMatchObject([{ tokens_held: 0, tokens_used: run.used.tokens }]);
    },
  );
});
