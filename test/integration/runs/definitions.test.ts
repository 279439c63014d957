import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { pinDefinitions, readDefinitions } from "../../../api/runs/definitions.ts";
import { agentDefinitionView } from "../../../contracts/runs.ts";
import type { Person } from "../../../demo/api.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { call, expireBindingsOf, inOrganisation, withRole } from "../governance/stage.ts";

let organisation: TestOrganisation;
let bob: Person;

beforeAll(async () => {
  organisation = await makeOrganisation("definitions");
  bob = await withRole(organisation, "AgentUser", "bob");
});

const path = "/agent-definitions";

async function listed(person: Person) {
  const { data } = await person.get<{ data: Record<string, unknown>[] }>(path);
  return new Map(data.map((definition) => [String(definition["id"]), definition]));
}

describe("the agent definitions that runs can begin with", () => {
  test("are told as declared: ours and those of one's own", async () => {
    const found = await listed(bob);
    for (const definition of found.values()) agentDefinitionView.strict().parse(definition);
    expect([...found.keys()]).toEqual([...found.keys()].toSorted((a, b) => a.localeCompare(b)));
    // The last is one of the tests' own.
    expect([...found.keys()]).toEqual(
      expect.arrayContaining(["orchestrator", "planner", "executor", "reviewer", "clerk"]),
    );
    const shipped = (await readDefinitions(undefined)).get("planner");
    expect(found.get("planner")).toMatchObject({
      role: "planner",
      description: shipped?.description,
      model: shipped?.role_bindings["planner"],
      tools: shipped?.tools,
      constraints: shipped?.constraints,
    });
  });

  test("have the version in the organisation that a run of them has, and none before the first", async () => {
    expect((await listed(bob)).get("planner")).toMatchObject({ version: null });
    const all = await readDefinitions(undefined);
    const planner = all.get("planner");
    if (planner === undefined) throw new Error("it comes along");
    await inOrganisation(organisation.organisationId, async (tx) => {
      await pinDefinitions(tx, new Map([["planner", { ...planner, description: "As it once was." }]]), "planner", v7);
      await pinDefinitions(tx, all, "planner", v7);
    });
    expect((await listed(bob)).get("planner")).toMatchObject({ version: 2, description: planner.description });
    // Versions are counted by organisation.
    const other = await makeOrganisation("definitions-other");
    expect((await listed(other.admin)).get("planner")).toMatchObject({ version: null });
  });

  test("are for whoever may start a run somewhere, while they may", async () => {
    const viewer = await withRole(organisation, "Viewer", "viewer");
    expect(await call(viewer, "GET", path)).toMatchObject({
      status: 403,
      body: { missing: { permission: "run:create", ou: organisation.root } },
    });
    const below = await withRole(
      organisation,
      "AgentUser",
      "below",
      await organisation.ou(`${organisation.root}/team`),
    );
    expect((await listed(below)).size).toBeGreaterThan(3);
    await expireBindingsOf(below);
    expect((await call(below, "GET", path)).status).toBe(403);
  });

  test("are asked for without parameters", async () => {
    expect((await call(bob, "GET", `${path}?ou=/`)).status).toBe(422);
  });
});
