import { afterAll, beforeAll, expect, test } from "vitest";
import type { Person } from "../../demo/api.ts";
import { openStage, type Stage } from "../durability/stage.ts";
import { agentsDirectory } from "../support/global-setup.ts";
import { makeOrganisation, type TestOrganisation } from "../support/organisation.ts";
import { decideOn, holdOperation } from "../support/run-calls.ts";
import { armMind, ended, type RunView, runWhen } from "../support/runs.ts";

let stage: Stage;
let organisation: TestOrganisation;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  stage = await openStage({ without: ["mcp"], extraEnvironment: { POWERLOOM_AGENTS_DIR: agentsDirectory } });
  organisation = await makeOrganisation("killed-operations", {
    apiUrl: stage.stack.apiUrl,
    databaseUrl: stage.stack.databaseUrl,
  });
  const { root } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
});
afterAll(() => stage?.close());

const firstCall = (run: RunView, status: string) =>
  run.steps.find((step) => step.tool === "agent_create" && step.status === status);

test.each(["worker", "api"])(
  "an operation of a run is carried out once when the %s is killed in the middle",
  async (part) => {
    const name = `made-despite-${part}`;
    const input = { name, ou: organisation.root };
    await armMind(
      name,
      {
        operator: {
          turns: [{ tool_uses: [{ name: "agent_create", input }] }, { output: { result: "done" } }],
        },
      },
      stage.stack.simulatorUrl,
    );
    const { id } = await bob.make<{ id: string }>("/runs", {
      task: "Provision.",
      agent: "operator",
      models: { operator: `mind-${name}` },
    });
    const waiting = await runWhen(bob, id, (run) => firstCall(run, "waiting") !== undefined, "it waits");
    const stepId = firstCall(waiting, "waiting")?.step_id ?? "";
    const release = await holdOperation({ runId: id, stepId }, stage.stack.adminUrl);
    await decideOn(eve, id, "approve");
    await runWhen(bob, id, (run) => firstCall(run, "running") !== undefined, "the call has begun");
    await stage.kill(part);
    await release();
    await stage.again(part);

    expect(await ended(bob, id, 60_000)).toMatchObject({
      status: "completed",
      steps: expect.arrayContaining([expect.objectContaining({ tool: "agent_create", status: "success" })]),
    });
    const [made, asked, audited, used] = await Promise.all([
      stage.witness.rows("select from agents where organisation_id = $1 and name = $2", [
        organisation.organisationId,
        name,
      ]),
      stage.witness.rows<{ status: string }>("select status from operations where act = $1", [`run:${id}`]),
      stage.witness.rows(
        "select from control_plane_audit where entry ->> 'act' = $1 and entry ->> 'operation' = 'agent.create'",
        [`run:${id}`],
      ),
      stage.witness.rows("select from lease_uses where run_id = $1 and step_id = $2", [id, stepId]),
    ]);
    expect([made.length, audited.length, used.length]).toEqual([1, 1, 1]);
    expect(asked).toEqual([{ status: "applied" }]);
  },
);
