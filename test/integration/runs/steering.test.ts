import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { query } from "../../support/database.ts";
import { everything, variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, eventsOf, planOf, runWhen, type Script } from "../../support/runs.ts";
import { startTracker } from "../../support/tracker.ts";

let organisation: TestOrganisation;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  organisation = await makeOrganisation("steering");
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: organisation.root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: organisation.root }] });
});

const steps = everything ? [1, 2, 3, 4, 5, 6] : [1, 2, 3];

/** Every step's model takes its time, so that there is one to pause in. */
function slowPlan(): Record<string, Script> {
  const { plan, executor } = planOf(
    steps.map((step) => ({
      step,
      tool: "read_file",
      args: { path: `${step}.txt` },
      depends_on: step === 1 ? [] : [step - 1],
    })),
  );
  if (!("rules" in executor)) throw new Error("a plan's executor has rules");
  for (const { reply } of executor.rules) reply.delay_ms = 800;
  const delegate = (agent: string, input: Record<string, unknown>) => ({
    tool_uses: [{ name: "delegate", input: { agent, input } }],
  });
  return {
    orchestrator: {
      turns: [
        delegate("planner", { task: "{{input.task}}" }),
        delegate("executor", { plan: "{{last.run_id}}" }),
        { output: { result: "read", status: "done" } },
      ],
    },
    planner: { turns: [{ output: plan }] },
    executor,
  };
}

test("a pause between the steps of a plan holds, wherever the run goes on in a new execution", async () => {
  const models = await armMind("slow-plan", slowPlan());
  const files = steps.map((step) => ({ path: `${step}.txt`, content: `${step}` }));
  const { id } = await bob.make<{ id: string }>("/runs", { task: "Read all.", files, models });
  const executor = await eventually(
    async () =>
      (
        await query<{ id: string }>("select id from agent_runs where root_run_id = $1 and agent_id = 'executor'", [id])
      )[0]?.id,
    "the executor starts",
    60_000,
  );
  const begun = async (step: number, type: string, status: string) =>
    (
      await query("select from agent_steps where run_id = $1 and plan_step = $2 and step_type = $3 and status = $4", [
        executor,
        step,
        type,
        status,
      ])
    ).length;
  const until = (step: number, type: string, status: string) =>
    eventually(async () => ((await begun(step, type, status)) > 0 ? true : undefined), `step ${step} is there`, 30_000);
  for (const step of steps.slice(0, -1)) {
    await until(step, "model_call", "running");
    expect((await bob.send("POST", `/runs/${executor}/pause`, {})).status).toBe(202);
    await runWhen(bob, executor, ({ status }) => status === "paused", "it pauses");
    await until(step, "tool_call", "success");
    // Long enough for the next step to begin, if nothing held it.
    await sleep(700);
    expect(await begun(step + 1, "model_call", "running")).toBe(0);
    expect((await bob.send("POST", `/runs/${executor}/resume`, {})).status).toBe(202);
  }
  expect(await ended(bob, id, 60_000)).toMatchObject({ status: "completed" });
}, 120_000);

const statusOf = async (id: string, step: string) =>
  (await query<{ status: string }>("select status from agent_steps where run_id = $1 and step_id = $2", [id, step]))[0]
    ?.status;

test("a run that was paused before it asked people is paused still when they have answered", async () => {
  const issue = { tool_uses: [{ name: "tracker__delete_issue", input: { key: "K" } }], delay_ms: 1_500 };
  const turns = [issue, { output: { result: "done" } }];
  const tracker = await startTracker("2026", sharedStack().apiUrl);
  try {
    tracker.tools.push({ name: "delete_issue", description: "d", inputSchema: { type: "object" } });
    tracker.answer = () => ({ content: [{ type: "text", text: "deleted" }] });
    await organisation.admin.make("/mcp-servers", { name: "tracker", ou: organisation.root, url: tracker.url });
    const models = await armMind("paused-asking", { orchestrator: { turns } });
    const { id } = await bob.make<{ id: string }>("/runs", { task: "Tidy.", agent: "clerk", models });
    await eventually(
      async () => ((await statusOf(id, "main/1")) === "running" ? true : undefined),
      "the model is asked",
    );
    expect((await bob.send("POST", `/runs/${id}/pause`, {})).status).toBe(202);
    await runWhen(bob, id, ({ status }) => status === "paused", "it pauses");
    const asking = await runWhen(bob, id, ({ waiting_for }) => waiting_for !== null, "it asks");
    expect(asking.status).toBe("paused");
    await decideNext(eve, "approve", organisation.root);
    const told = await runWhen(bob, id, ({ waiting_for }) => waiting_for === null, "the answer is taken up");
    expect(told.status).toBe("paused");
    expect((await bob.send("POST", `/runs/${id}/resume`, {})).status).toBe(202);
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
  } finally {
    await tracker.close();
  }
}, 60_000);

/** A run whose model has been asked, and takes its time for the first answer. */
async function beingAnswered(name: string, delay_ms: number): Promise<string> {
  const turns = [
    { tool_uses: [{ name: "list_directory", input: { path: "." } }], delay_ms },
    { output: { summary: "read" } },
  ];
  const models = await armMind(name, { reader: { turns } });
  const asked = { task: "Look.", agent: "spender", models: { reader: models["orchestrator"] } };
  const { id } = await bob.make<{ id: string }>("/runs", asked);
  await eventually(async () => ((await statusOf(id, "main/1")) === "running" ? true : undefined), "the model is asked");
  return id;
}

test.each(variant("an answer of the model that comes when its call was given up does not count a second time"))(
  "%s",
  async () => {
    const id = await beingAnswered("late-answer", 2_000);
    // As another attempt does that finds the call begun and nobody there.
    const facts = { kind: "unknown", message: "the worker was lost while the model was being called" };
    await query("update agent_steps set status = 'unknown', facts = $2 where run_id = $1 and step_id = 'main/1'", [
      id,
      JSON.stringify(facts),
    ]);
    const run = await ended(bob, id, 60_000);
    expect(run).toMatchObject({ status: "completed" });
    expect(await statusOf(id, "main/1")).toBe("unknown");
    const said = await query("select from run_messages where run_id = $1 and origin = 'main/1'", [id]);
    expect(said).toEqual([]);
  },
  60_000,
);

test.each(variant("an answer that comes while its run is being ended waits for the end, and neither keeps the other"))(
  "%s",
  async () => {
    const id = await beingAnswered("answer-at-the-end", 1_500);
    // Does what the end of a run does, in its order, and lets the answer come in the middle.
    const ending = new Client({ connectionString: sharedStack().adminUrl });
    await ending.connect();
    try {
      await ending.query("begin");
      // Of two that wait for each other it is this one that fails: an activity would only be repeated.
      await ending.query("set local deadlock_timeout = '10ms'");
      await ending.query("select from agent_runs where id = $1 for no key update", [id]);
      const { rows } = await ending.query<{ pid: number }>("select pg_backend_pid() as pid");
      const behind = "select from pg_stat_activity where $1::int = any (pg_blocking_pids(pid))";
      await eventually(
        async () => ((await query(behind, [rows[0]?.pid])).length > 0 ? true : undefined),
        "the answer is to be stored",
      );
      await ending.query(
        "update agent_steps set status = 'unknown', facts = $2 where run_id = $1 and status = 'running'",
        [id, JSON.stringify({ kind: "unknown", message: "the run was ended" })],
      );
      await ending.query("commit");
    } finally {
      await ending.end();
    }
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
    expect(await statusOf(id, "main/1")).toBe("unknown");
    expect(await query("select from run_messages where run_id = $1 and origin = 'main/1'", [id])).toEqual([]);
  },
  60_000,
);

test("files that cannot be kept keep no run from its end", async (context) => {
  const sandbox = await sandboxAvailability();
  if (!sandbox.available) {
    console.log(`skipped: ${sandbox.reason}`);
    context.skip();
  }
  const name = "n".repeat(60);
  const deep = Array.from({ length: 20 }, (_, at) => `${at}${name}`).join("/");
  const command = `printf x > "$(printf 'bad\\377.txt')"; mkdir -p ${deep} && printf x > ${deep}/f; mkdir shut && chmod 0 shut; printf y > good.txt`;
  const { plan, executor } = planOf([{ step: 1, tool: "execute_command", args: { command } }]);
  const delegate = (agent: string, input: Record<string, unknown>) => ({
    tool_uses: [{ name: "delegate", input: { agent, input } }],
  });
  const models = await armMind("odd-files", {
    orchestrator: {
      turns: [
        delegate("planner", { task: "{{input.task}}" }),
        delegate("executor", { plan: "{{last.run_id}}" }),
        { output: { result: "made", status: "done" } },
      ],
    },
    planner: { turns: [{ output: plan }] },
    executor,
  });
  const { id } = await bob.make<{ id: string }>("/runs", { task: "Make files.", files: [], models });
  await decideNext(eve, "approve", organisation.root);
  expect(await ended(bob, id)).toMatchObject({ status: "completed" });
  const end = (await eventsOf(bob, id)).find(({ type, run_id }) => type === "run_completed" && run_id === id);
  expect(end?.payload).toMatchObject({ files_kept: 1 });
  expect(Number(end?.payload["files_left_out"])).toBeGreaterThanOrEqual(2);
}, 60_000);
