import { randomUUID } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { type Definitions, pinDefinitions, readDefinitions } from "../../../api/runs/definitions.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { asApplication } from "../governance/stage.ts";

let organisation: TestOrganisation;
let shipped: Definitions;
beforeAll(async () => {
  organisation = await makeOrganisation("pin-definitions");
  shipped = await readDefinitions(undefined);
});

/** The agents as they are shipped, in a version that nobody has seen. */
function renewed(version: number): Definitions {
  return new Map([...shipped].map(([id, definition]) => [id, { ...definition, description: `version ${version}` }]));
}

test("the first runs of new definitions begin side by side, whichever agent each begins with", async () => {
  const agents = ["orchestrator", "planner", "orchestrator", "planner"];
  await asApplication(async (db) => {
    for (let version = 1; version <= 10; version += 1) {
      const all = renewed(version);
      const pinned = await Promise.all(
        agents.map((agent) =>
          db.inOrganisation(organisation.organisationId, (tx) => pinDefinitions(tx, all, agent, randomUUID)),
        ),
      );
      expect(pinned.map((one) => Object.keys(one).toSorted())).toEqual(
        agents.map((agent) =>
          agent === "planner" ? ["executor", "planner"] : ["executor", "orchestrator", "planner", "reviewer"],
        ),
      );
      expect(new Set(pinned.map(({ planner }) => planner)).size).toBe(1);
    }
  });
});
