import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, runWhen, type Said } from "../../support/runs.ts";
import { auditOf } from "../governance/stage.ts";

let organisation: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("trail");
  const { root } = organisation;
  const approver = { role: "Approver", ou: root };
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }, approver] });
  eve = await organisation.person("eve", { roles: [approver] });
});

const use = (name: string, input: Record<string, unknown>): Said => ({ tool_uses: [{ name, input }] });
const done: Said = { output: { summary: "done" } };

interface Started {
  id: string;
  trace_id: string;
}

async function start(name: string, roles: Record<string, { turns: Said[] }>, more: object): Promise<Started> {
  const model = Object.values(await armMind(name, roles))[0];
  const models = Object.fromEntries(Object.keys(roles).map((role) => [role, model]));
  return bob.make<Started>("/runs", { task: "Work.", models, ...more });
}

const writer = {
  gullible: {
    turns: [
      use("write_file", { path: "a", content: "a" }),
      use("write_file", { path: "elsewhere/b", content: "b" }),
      done,
    ],
  },
};

async function writes(name: string, gullible: { turns: Said[] } = writer.gullible) {
  return start(name, { gullible }, { agent: "gullible" });
}

/** Everything that is recorded of a tree of runs but alerts, in words, oldest first. */
async function story({ trace_id }: Started): Promise<string[]> {
  const who = new Map([
    [bob.id, "bob"],
    [eve.id, "eve"],
  ]);
  const entries = (await auditOf(organisation.organisationId)).filter(
    ({ body }) => body.detail["trace_id"] === trace_id,
  );
  const told = entries.filter(({ operation }) => operation !== "run.budget_warning");
  return told.map(({ sub, operation, outcome }) => [who.get(sub ?? ""), operation, outcome].join(" "));
}

describe("one trace id goes through everything that is recorded of a run", () => {
  test("with what it asks people for, what they say to that, and what comes of it", async () => {
    const run = await writes("asks-twice");
    const waiting = await runWhen(bob, run.id, ({ status }) => status === "waiting", "it asks");
    const { digest } = await eve.get<{ digest: string }>(`/approvals/${waiting.waiting_for}`);
    const own = await bob.send("POST", `/approvals/${waiting.waiting_for}/votes`, { decision: "approve", digest });
    expect(own.status).toBe(403);
    expect((await bob.send("POST", `/runs/${run.id}/pause`, {})).status).toBe(202);
    expect((await bob.send("POST", `/runs/${run.id}/resume`, {})).status).toBe(202);
    await decideNext(eve, "approve", organisation.root);
    await decideNext(eve, "deny", organisation.root);
    await ended(bob, run.id);
    expect(await story(run)).toEqual([
      "bob run.start accepted",
      "bob run.started applied",
      "bob run.permission pending_approval",
      "bob approval.vote refused",
      "bob run.pause accepted",
      "bob run.resume accepted",
      "eve approval.vote voted",
      "bob run.permission approved",
      "bob run.step applied",
      "bob run.permission pending_approval",
      "eve approval.vote voted",
      "bob run.permission denied",
      "bob run.step refused",
      "bob run.completed applied",
    ]);
  });

  test("with a larger budget it asks for, granted and then denied", async () => {
    const look = use("list_directory", { path: "." });
    const run = await start(
      "spends",
      { reader: { turns: [look, look, done] } },
      { agent: "spender", budget: { tokens: 200_000, calls: 1 } },
    );
    await decideNext(eve, "approve", organisation.root, "budget");
    await decideNext(eve, "deny", organisation.root, "budget");
    await ended(bob, run.id);
    expect(await story(run)).toEqual([
      "bob run.start accepted",
      "bob run.started applied",
      "bob run.step applied",
      "bob run.budget pending_approval",
      "eve approval.vote voted",
      "bob run.budget applied",
      "bob run.step applied",
      "bob run.budget pending_approval",
      "eve approval.vote voted",
      "bob run.budget denied",
      "bob run.failed failed",
    ]);
  });

  test("with a request that its requester withdraws, and one that ends with the run", async () => {
    const run = await writes("withdraws");
    const { waiting_for } = await runWhen(bob, run.id, ({ status }) => status === "waiting", "it asks");
    expect((await bob.send("POST", `/requests/${waiting_for}/cancel`, {})).status).toBe(200);
    await runWhen(
      bob,
      run.id,
      ({ status, waiting_for: next }) => status === "waiting" && next !== waiting_for,
      "it asks again",
    );
    expect((await bob.send("POST", `/runs/${run.id}/cancel`, {})).status).toBe(202);
    await ended(bob, run.id);
    expect(await story(run)).toEqual([
      "bob run.start accepted",
      "bob run.started applied",
      "bob run.permission pending_approval",
      "bob request.cancel cancelled",
      "bob run.permission cancelled",
      "bob run.step refused",
      "bob run.permission pending_approval",
      "bob run.cancel accepted",
      "bob run.permission cancelled",
      "bob run.failed cancelled",
    ]);
  });
});
