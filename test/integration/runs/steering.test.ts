import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { query } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, ended, planOf, runWhen, type Script } from "../../support/runs.ts";

let organisation: TestOrganisation;
let bob: Person;

beforeAll(async () => {
  organisation = await makeOrganisation("steering");
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: organisation.root }] });
});

const steps = [1, 2, 3, 4, 5, 6];

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
