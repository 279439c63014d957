import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunDeps } from "../../../activities/runs/deps.ts";
import { askPermission, settlePermission } from "../../../activities/runs/permission.ts";
import type { OrganisationId, RunId } from "../../../core/ids.ts";
import { type Database, openDatabase } from "../../../db/database.ts";
import { makeOrganisation, sharedStack } from "../../support/organisation.ts";
import { armMind, decideNext, ended, eventsOf } from "../../support/runs.ts";

// A workflow task that is given up repeats the work inside it: also when people have been quick.

let db: Database;
beforeAll(() => {
  db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 2 });
});
afterAll(() => db.close());

test.each(["approve", "deny"] as const)(
  "a permission that people %s is not asked for once more when the asking is repeated",
  async (decision) => {
    const organisation = await makeOrganisation(`again-${decision}`);
    const { root } = organisation;
    const bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
    const eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
    const write = { tool_uses: [{ name: "write_file", input: { path: "a", content: "a" } }] };
    const roles = { gullible: { turns: [write, { output: { summary: "done" } }] } };
    const model = Object.values(await armMind(`again-${decision}`, roles))[0];
    const asked = { task: "Write.", agent: "gullible", models: { gullible: model } };
    const { id } = await bob.make<{ id: string }>("/runs", asked);
    const request = await decideNext(eve, decision, root);
    await ended(bob, id);

    const ref = { organisationId: organisation.organisationId as OrganisationId, runId: id as RunId };
    // All that is needed of the world to say what is known.
    const deps = { db, now: () => new Date(), tools: [] as const } as unknown as RunDeps;
    const ask = { ...ref, stepId: "main/1.1", rule: "mode-permission", reason: "once more" };
    expect(await askPermission(deps, { ...ask, round: 1 })).toMatchObject({ requestId: request.id });
    const settled = await settlePermission(deps, { ...ref, requestId: request.id });
    expect(settled.status).toBe(decision === "approve" ? "approved" : "denied");
    const { data } = await eve.get<{ data: { id: string }[] }>("/approvals?limit=200");
    expect(data.map(({ id: one }) => one)).toEqual([request.id]);
    const events = (await eventsOf(bob, id)).map(({ type }) => type).filter((type) => type.startsWith("permission_"));
    expect(events).toEqual([
      "permission_requested",
      decision === "approve" ? "permission_approved" : "permission_denied",
    ]);
    // Another round is another request, which a run that is over does not make.
    await expect(askPermission(deps, { ...ask, round: 2 })).rejects.toThrow(`run ${id} has ended`);
  },
);
