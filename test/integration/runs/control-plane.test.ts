import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { query } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, type Said } from "../../support/runs.ts";

let organisation: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("runops");
  const { root } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
});

const use = (name: string, input: Record<string, unknown>): Said => ({ tool_uses: [{ name, input }] });
const done: Said = { output: { result: "done" } };

/** Starts an operator that says these things one after the other. */
async function start(name: string, turns: Said[], person: Person = bob): Promise<{ id: string; trace_id: string }> {
  const model = `${name}-${organisation.name}`;
  await armMind(model, { operator: { turns, afterwards: "last" } });
  return person.make("/runs", { task: "Provision.", agent: "operator", models: { operator: `mind-${model}` } });
}

interface Step {
  tool_name: string;
  status: string;
  is_error: boolean | null;
  result: string | null;
}

/** The tool calls of a run, in order, with what the model was told. */
function callsOf(runId: string): Promise<Step[]> {
  return query<Step>(
    "select tool_name, status, is_error, result from agent_steps where run_id = $1 and step_type = 'tool_call' order by step_num",
    [runId],
  );
}

describe("an operation as a tool", () => {
  test("is found, looked up, approved as a call, and carried out for the person", async () => {
    const { id } = await start("finds", [
      use("search_tools", { query: "create agent" }),
      use("get_tool_schema", { name: "agent_create" }),
      use("agent_create", { name: "made-by-run", ou: organisation.root }),
      use("agent_get", { agent_id: "{{last.id}}" }),
      done,
    ]);
    await decideNext(eve, "approve", organisation.root);
    const run = await ended(bob, id);
    const calls = await callsOf(id);
    expect(run).toMatchObject({ status: "completed" });
    expect(calls.map(({ tool_name, status }) => [tool_name, status])).toEqual([
      ["search_tools", "success"],
      ["get_tool_schema", "success"],
      ["agent_create", "success"],
      ["agent_get", "success"],
    ]);
    expect(JSON.parse(calls[0]?.result ?? "")).toMatchObject({
      tools: expect.arrayContaining([expect.objectContaining({ name: "agent_create", read_only: false })]),
    });
    expect(JSON.parse(calls[1]?.result ?? "")).toMatchObject({ input_schema: { required: ["name", "ou"] } });
    const made = JSON.parse(calls[2]?.result ?? "") as { id: string; owner_email: string };
    expect(JSON.parse(calls[3]?.result ?? "")).toMatchObject({ id: made.id, name: "made-by-run" });
    const { data } = await organisation.admin.get<{ data: unknown[] }>(`/audit?target=agent:${made.id}`);
    expect(data).toMatchObject([
      { operation: "agent.create", sub: bob.id, act: `run:${id}`, delegated_from_session: null, outcome: "applied" },
    ]);
  });
});
