import { beforeAll, describe, expect, test } from "vitest";
import { gatherToolEvidence } from "../../../activities/runs/evidence.ts";
import { requireRun } from "../../../db/queries/runs.ts";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { storeElevation, storeRuns } from "./runs-stage.ts";
import { auditAbout, call, expireBindingsOf, inOrganisation, stateOf, withRole } from "./stage.ts";

let organisation: TestOrganisation;
let part: string;
let owner: Person & { id: string };
let controller: Person & { id: string };
let runId: string;

beforeAll(async () => {
  organisation = await makeOrganisation("elevated");
  part = await organisation.ou(`${organisation.root}/part`);
  [owner, controller] = await Promise.all([
    withRole(organisation, "AgentUser", "owner", part),
    withRole(organisation, "OUAdmin", "controller", part),
  ]);
  runId = await inOrganisation(organisation.organisationId, async (tx) => {
    const [ou] = await tx.rows<{ id: string }>("select id from ous where path = $1", [part]);
    const ids = await storeRuns(tx, [{ ouId: ou?.id ?? "", requesterId: owner.id, budget: { tokens: 1 } }]);
    return ids[0] ?? "";
  });
});

const elevate = (seconds?: number) =>
  inOrganisation(organisation.organisationId, (tx) => storeElevation(tx, runId, seconds));
const revoke = (person: Pick<Person, "token">, id: string) => call(person, "DELETE", `/elevations/${id}`);
const listed = async (person: Person, query = "") =>
  (await person.get<{ data: { id: string }[] }>(`/elevations${query}`)).data.map(({ id }) => id);

/** Whether a call of this kind would pass without asking. */
async function counts(): Promise<boolean> {
  return inOrganisation(organisation.organisationId, async (tx) => {
    const call = { tool: "write_file", contextHash: "hash" };
    return (await gatherToolEvidence(tx, await requireRun(tx, runId), call, new Date())).elevation !== null;
  });
}

describe("an elevation", () => {
  test("in force is seen by who the run acts for and by those who read runs there", async () => {
    const id = await elevate();
    const over = await elevate(-1);
    const outsider = await withRole(organisation, "OUAdmin", "outsider", await organisation.ou(`${part}-other`));
    for (const person of [owner, controller, await withRole(organisation, "Auditor"), organisation.admin]) {
      const ids = await listed(person);
      expect(ids).toContain(id);
      expect(ids).not.toContain(over);
    }
    for (const person of [outsider, await withRole(organisation, "Viewer")]) expect(await listed(person)).toEqual([]);
    expect(await listed(organisation.admin, `?ou=${part}`)).toContain(id);
    expect(await listed(organisation.admin, `?ou=${part}-other`)).toEqual([]);
    const { data } = await owner.get<{ data: Record<string, unknown>[] }>("/elevations");
    expect(data.find((one) => one["id"] === id)).toMatchObject({
      root_run_id: runId,
      agent: "staged",
      tool: "write_file",
      context: { path: "notes" },
      ou_path: part,
      requester_email: owner.email,
    });
  });

  test("is revoked by who may control runs there, once; it stops counting, and the run's events and the audit say so", async () => {
    await asSuperuser((sql) => sql.query("delete from elevations where root_run_id = $1", [runId]));
    const id = await elevate();
    expect(await counts()).toBe(true);
    const answer = await revoke(controller, id);
    expect(answer).toMatchObject({ status: 200, body: { id, deleted: true } });
    expect(await counts()).toBe(false);
    expect(await listed(organisation.admin)).not.toContain(id);
    expect((await revoke(controller, id)).status).toBe(404);
    const { data } = await owner.get<{ data: { type: string; payload: unknown }[] }>(`/runs/${runId}/events`);
    expect(data.at(-1)).toMatchObject({ type: "elevation_revoked", payload: { elevation_id: id, tool: "write_file" } });
    expect(
      await auditAbout(organisation.organisationId, answer.headers.get("powerloom-request-id") ?? ""),
    ).toMatchObject([
      { operation: "elevation.revoke", outcome: "applied", sub: controller.id, target: `elevation:${id}` },
    ]);
  });

  test("is not revoked without run:control there, nor after the role has ended", async () => {
    const id = await elevate();
    const former = await withRole(organisation, "OUAdmin", "former", part);
    await expireBindingsOf(former);
    const auditor = await withRole(organisation, "Auditor", "reader");
    const before = await stateOf(organisation.organisationId);
    for (const person of [owner, auditor, former])
      expect(await revoke(person, id)).toMatchObject({
        status: 403,
        body: { missing: { permission: "run:control", ou: part } },
      });
    expect(await stateOf(organisation.organisationId)).toBe(before);
    expect(await counts()).toBe(true);
  });

  test("whose time is over, and one of another organisation, are not found", async () => {
    const stranger = await makeOrganisation("elevated-other");
    const id = await elevate();
    expect((await revoke(stranger.admin, id)).status).toBe(404);
    expect(await listed(stranger.admin)).toEqual([]);
    expect((await revoke(controller, await elevate(-1))).status).toBe(404);
    expect(await listed(organisation.admin)).toContain(id);
  });

  test("revoked by many at once is revoked once", async () => {
    const id = await elevate();
    const answers = await Promise.all(Array.from({ length: 8 }, () => revoke(controller, id)));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses[0]).toBe(200);
    expect(statuses.slice(1).every((status) => status === 404 || status === 409)).toBe(true);
  });
});
