import { appendFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { searchCanaries } from "../../chaos/canaries.ts";
import { check } from "../../chaos/checker/check.ts";
import type { Evidence } from "../../chaos/checker/evidence.ts";
import { readOptions } from "../../chaos/options.ts";
import { renderSummary } from "../../chaos/report.ts";
import { attack, type Outcome, readEvidence } from "../../chaos/run.ts";
import { openStage, type Stage, stageFolder } from "../../chaos/stage.ts";
import { testSeed } from "../support/organisation.ts";

let stage: Stage;
let outcome: Outcome;
const logFile = () => join(stage.directory, "clients.jsonl");
const planted = { "a planted key": "canary-0123456789abcdefghijkl" };

beforeAll(async () => {
  const directory = await stageFolder();
  stage = await openStage(directory, console.log, { ANTHROPIC_API_KEY: planted["a planted key"] });
  const { faults } = readOptions(["--only", "kill,provider,drift,signals"], () => 0);
  const attacked = {
    seed: testSeed(),
    seconds: 20,
    kills: 4,
    faults,
    everyMs: [1_000, 3_000] as const,
    approvalSeconds: 8,
  };
  outcome = await attack(stage, { ...attacked, clocks: {}, disk: undefined, planted }, () => undefined);
  console.log(renderSummary([outcome]));
}, 240_000);

afterAll(async () => {
  const pids = await stage.close();
  await rm(stage.directory, { recursive: true, force: true });
  if (pids.length > 0) throw new Error(`still running after the end: ${pids.join(", ")}`);
});

test("after kills and faults under load nothing is lost, doubled, unaudited, unauthorised, stuck or leaked", () => {
  expect(outcome.violations).toEqual([]);
  expect(Object.values(outcome.kills).reduce((sum, kills) => sum + kills, 0)).toBeGreaterThan(2);
  expect(outcome.operations["applied"]).toBeGreaterThan(50);
  expect(outcome.operations["refused"]).toBeGreaterThan(0);
});

/** Each fault is planted in what is really there, beside those before it: the checker must name this one. */
describe("the checker says so", () => {
  const now = () => readEvidence(stage, logFile(), ["note once"]);
  /** As somebody who can do anything to the tables, triggers and keys included. */
  async function tamper(...statements: [text: string, ...values: unknown[]][]): Promise<void> {
    const client = await stage.database.connect();
    try {
      await client.query("set session_replication_role = replica");
      for (const [text, ...values] of statements) await client.query(text, values);
    } finally {
      client.release(true);
    }
  }
  const found = (evidence: Evidence, kind: string, what: RegExp) =>
    expect(check(evidence)).toContainEqual({ kind, what: expect.stringMatching(what) });
  const appliedBy = (evidence: Evidence, name: string) => {
    const row = evidence.operations.find((one) => one.name === name && one.status === "applied" && one.act === "");
    if (row === undefined) throw new Error(`nobody has done ${name}`);
    return row;
  };
  /** An agent that is there and at the provider. */
  const living = (evidence: Evidence) => {
    const agent = evidence.agents.findLast(({ deleted_at, name }) => deleted_at === null && name !== "probe");
    if (agent === undefined) throw new Error("there is no agent");
    return agent;
  };
  const claude = () => new Anthropic({ apiKey: "test", baseURL: stage.stack.simulatorUrl });

  test("when an agent is at the provider twice", async () => {
    const agent = living(await now());
    const metadata = { powerloom_agent: agent.id };
    await claude().beta.agents.create({ name: "second", model: "claude-sonnet-5-5", metadata });
    found(await now(), "duplicated", new RegExp(`the provider has 2 agents for ${agent.id}`));
  });

  test("when an agent is gone from the provider", async () => {
    const agent = living(await now());
    await claude().beta.agents.archive(agent.cma_agent_id ?? "");
    const copies = (await now()).provider.agents.filter(({ tag }) => tag === agent.id);
    for (const { id, archived } of copies) if (!archived) await claude().beta.agents.archive(id);
    found(await now(), "lost", new RegExp(`agent ${agent.id} .* is not at the provider`));
  });

  test("when a vote was forged", async () => {
    const [request] = (await now()).requests;
    await tamper([
      `insert into approval_votes (organisation_id, request_id, principal_id, decision, roles, digest)
       select organisation_id, $1, id, 'approve', '{Approver}', 'forged' from users where email = 'sol@chaos.test'`,
      request?.id,
    ]);
    const evidence = await now();
    found(evidence, "unauthorised", new RegExp(`vote of sol@chaos.test on ${request?.id} was never cast`));
    found(evidence, "unauthorised", new RegExp(`vote of sol@chaos.test on ${request?.id} is by somebody who was no`));
    found(evidence, "unaudited", new RegExp(`vote of sol@chaos.test on ${request?.id} has 0 entries`));
  });

  test("when somebody acts without a right, or past an approval", async () => {
    const evidence = await now();
    const without = evidence.log.filter(
      (record) =>
        !(
          record.kind === "intent" &&
          record.operation === "binding.create" &&
          record.marks["user"] === "bea@chaos.test"
        ),
    );
    found({ ...evidence, log: without }, "unauthorised", /bea@chaos.test had no right to agent\.\w+/);
    const marks = {
      name: "late",
      ou: "/chaos/alpha",
      operations: ["agent.*"],
      approver_role: "Approver",
      approvals_needed: 2,
    };
    const policy = { at: 0, key: "p", email: stage.admin, operation: "policy.create", ou: "/chaos/alpha", marks };
    const log: Evidence["log"] = [
      { ...policy, kind: "intent" },
      { at: 0, kind: "end", key: "p", outcome: "applied" },
      ...evidence.log,
    ];
    found({ ...evidence, log }, "unauthorised", /at \/chaos\/alpha needed 2 approvals and had 0/);
  });

  test("when nobody asked for what was done", async () => {
    const evidence = await now();
    const { id } = appliedBy(evidence, "agent.create");
    await tamper([
      `insert into operations select (jsonb_populate_record(o, jsonb_build_object('id', 'req_forged', 'idempotency_key', null,
         'input', o.input || '{"name": "forged"}'))).* from operations o where id = $1`,
      id,
    ]);
    const after = await now();
    found(after, "unauthorised", /req_forged of .* was applied, and nobody asked for it/);
    found(after, "unaudited", /req_forged is applied and has 0 entries/);
  });

  test("when one key has two effects", async () => {
    const { id } = appliedBy(await now(), "policy.create");
    await tamper([
      `insert into operations select (jsonb_populate_record(o, '{"id": "req_twice", "idempotency_key": null}')).*
       from operations o where id = $1`,
      id,
    ]);
    found(await now(), "duplicated", /policy.create by .* was applied 2 times: .*req_twice/);
  });

  test("when a tool call was made twice", async () => {
    found({ ...(await now()), toolCalls: ["note a", "note b", "note a"] }, "duplicated", /"note a" was made 2 times/);
  });

  test("when a session was told something twice", async () => {
    const { provider } = await now();
    const session = provider.sessions.find(({ archived }) => !archived);
    for (const _ of ["first", "second"])
      await claude().beta.sessions.events.send(session?.id ?? "", {
        events: [{ type: "user.message", content: [{ type: "text", text: "again" }] }],
      });
    found(await now(), "duplicated", new RegExp(`session ${session?.tag}: .*again.* was said 2 times`));
  });

  test("when an event is missing", async () => {
    await tamper(["delete from session_events where position = 1"]);
    found(await now(), "lost", /has \d+ events, and the last one is number \d+/);
  });

  test("when an effect is gone", async () => {
    const agent = living(await now());
    const binding = appliedBy(await now(), "binding.create").target_id;
    await tamper(
      ["delete from agents where id = $1", agent.id],
      ["delete from bindings where id = $1", binding],
      ["delete from operations where name = 'user.create' and input ->> 'email' = 'sol@chaos.test'"],
    );
    const evidence = await now();
    found(evidence, "lost", new RegExp(`there is no agent ${agent.id}`));
    found(evidence, "lost", new RegExp(`binding ${binding} is not there`));
    found(evidence, "lost", /user.create by admin@chaos.test .* answered as applied, and no operation says so/);
  });

  test("when something neither ends nor waits for anything", async () => {
    const { id } = appliedBy(await now(), "ou.create");
    await tamper(["update operations set status = 'received', finished_at = null where id = $1", id]);
    found(await now(), "stuck", new RegExp(`ou.create ${id} is still received`));
  });

  test("when a budget is overrun", async () => {
    await tamper(["update ou_budgets set tokens_used = tokens_limit + 1"]);
    found(await now(), "over-budget", /tokens of \/chaos\/delta: 40000001 of 40000000/);
  });

  test("when an audit entry was changed, or is missing", async () => {
    await tamper([
      `update control_plane_audit set body = replace(body, '"outcome":"applied"', '"outcome":"refused"') where position = 5`,
    ]);
    found(await now(), "unaudited", /the audit chain is broken at 5: its content does not match its hash/);
    await tamper(["delete from control_plane_audit where position = 3"]);
    const evidence = await now();
    found(evidence, "unaudited", /the audit chain is broken at 3/);
    found(evidence, "unaudited", /ou.create req_\w+ is applied and has 0 entries that say so/);
  });

  test("when a secret stands in a table, in base64, or in what clients were answered", async () => {
    const [name, value] = Object.entries(planted)[0] ?? ["", ""];
    const token = "none";
    const search = () => searchCanaries(stage, [{ name, value }], logFile(), token);
    expect(await search()).toEqual([]);
    await tamper(["insert into security_events (kind, detail) values ('test', $1)", { told: `the key ${value}` }]);
    appendFileSync(stage.logFile, `api | ${Buffer.from(`Bearer ${value}`).toString("base64")}\n`);
    appendFileSync(logFile(), `{"kind":"answer","body":{"detail":"${value}"}}\n`);
    const places = (await search()).map(({ kind, what }) => `${kind}: ${what}`);
    expect(places.sort()).toEqual([
      "leaked: a planted key stands in table public.security_events",
      "leaked: a planted key stands in the log of the processes",
      "leaked: a planted key stands in what clients were answered",
    ]);
  });
});
