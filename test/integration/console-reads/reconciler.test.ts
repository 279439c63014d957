import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { query } from "../../support/database.ts";
import { follow } from "../../support/event-stream.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { provider } from "../../support/provider.ts";
import { makeAgent } from "../../support/sessions.ts";
import { auditOf, call, expireBindingsOf, withRole } from "../governance/stage.ts";

interface AgentState {
  sync_state: string;
  sync_attempts: number;
  checked_at: string | null;
  generation: number;
  cma_agent_id: string;
  cma_agent_version: number;
  drift: {
    found_at: string;
    provider_version: number;
    fields: { field: string; wanted: unknown; found: unknown }[];
    action: string;
  } | null;
}

let organisation: TestOrganisation;
let admin: Person;
let root: string;
beforeAll(async () => {
  organisation = await makeOrganisation("drift");
  ({ admin, root } = organisation);
});

const state = (id: string, person = admin) => person.get<AgentState>(`/agents/${id}`);
const again = (id: string, person: Pick<Person, "token"> = admin) =>
  call(person, "POST", `/agents/${id}/reconcile`, {});
/** The agent once it has been compared after a moment. */
const comparedSince = (id: string, moment: string | null) =>
  eventually(async () => {
    const now = await state(id);
    return now.sync_state === "synced" && now.checked_at !== moment ? now : undefined;
  }, "it is compared");

describe("a foreign edit", () => {
  test("is remembered with what it changed, and told to those who may read the agent", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "edited", ou: root, system_prompt: "Ours" });
    const before = await state(id);
    expect(before).toMatchObject({ drift: null, sync_attempts: 0 });
    const stranger = await makeOrganisation("drift-other");
    const [seen, unseen] = await Promise.all([follow(admin), follow(stranger.admin)]);
    await provider().beta.agents.update(cmaAgentId, {
      version: 1,
      system: "Theirs",
      tools: [{ type: "agent_toolset_20260401" }],
    });
    expect((await again(id)).status).toBe(202);
    const { drift } = await comparedSince(id, before.checked_at);
    expect(drift).toMatchObject({ provider_version: 2, action: "reverted" });
    expect(drift?.fields.map(({ field }) => field)).toEqual(["system", "tools"]);
    expect(drift?.fields[0]).toEqual({ field: "system", wanted: "Ours", found: "Theirs" });
    expect(drift?.fields[1]).toMatchObject({ wanted: [], found: [{ type: "agent_toolset_20260401" }] });
    expect((await provider().beta.agents.retrieve(cmaAgentId)).system).toBe("Ours");
    const told = await eventually(async () => seen.seen.find(({ type }) => type === "agent.drift"), "it is told");
    expect(told).toMatchObject({ target: { type: "agent", id }, fields: ["system", "tools"] });
    expect(unseen.seen).toEqual([]);
    await Promise.all([seen.close(), unseen.close()]);

    // What people change here is no foreign edit, and does not make the last one forgotten.
    await call(admin, "PATCH", `/agents/${id}`, { system_prompt: "Ours, better" });
    const after = await eventually(async () => {
      const now = await state(id);
      return now.generation === 2 && now.sync_state === "synced" ? now : undefined;
    }, "the change is pushed");
    expect(after.drift).toEqual(drift);
  });

  test("that archives the agent is one too", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "archived", ou: root });
    const before = await state(id);
    await provider().beta.agents.archive(cmaAgentId);
    await again(id);
    const now = await comparedSince(id, before.checked_at);
    expect(now.cma_agent_id).not.toBe(cmaAgentId);
    expect(now.drift?.fields).toEqual([{ field: "presence", wanted: "there", found: "archived or gone" }]);
  });

  test("is not seen in a first push, nor in metadata that is theirs", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "theirs", ou: root });
    const before = await state(id);
    await provider().beta.agents.update(cmaAgentId, { version: 1, metadata: { team: "billing" } });
    await again(id);
    expect((await comparedSince(id, before.checked_at)).drift).toBeNull();
  });
});

describe("having an agent reconciled", () => {
  test("needs agent:update there, for an agent that is there, by the person themselves; each time is an entry", async () => {
    const sales = await organisation.ou(`${root}/sales`);
    const { id } = await makeAgent(admin, { name: "looked-at", ou: sales });
    const builder = await withRole(organisation, "AgentBuilder", "builder", sales);
    const viewer = await withRole(organisation, "Viewer", "viewer");
    const stranger = await makeOrganisation("drift-stranger");

    expect((await again(id, builder)).body).toEqual({ id, status: "accepted" });
    const refused = await again(id, viewer);
    expect(refused).toMatchObject({ status: 403, body: { missing: { permission: "agent:update", ou: sales } } });
    expect((await again(id, stranger.admin)).status).toBe(404);
    expect((await again("01890000-0000-7000-8000-000000000000")).status).toBe(404);
    expect((await again("edited")).status).toBe(422);
    await expireBindingsOf(builder);
    expect((await again(id, builder)).status).toBe(403);

    const entries = (await auditOf(organisation.organisationId)).filter(
      ({ operation, target }) => operation === "agent.reconcile" && target === `agent:${id}`,
    );
    expect(entries.filter(({ outcome }) => outcome === "accepted")).toHaveLength(1);
  });

  test("again and again changes nothing that is as it should be", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "as-it-is", ou: root });
    const before = await state(id);
    for (const answer of await Promise.all([again(id), again(id), again(id)])) expect(answer.status).toBe(202);
    const now = await comparedSince(id, before.checked_at);
    expect(now).toMatchObject({ cma_agent_id: cmaAgentId, cma_agent_version: 1, generation: 1, drift: null });
  });

  test("is not lost with the signal: an agent that waits is found by the sweep", async () => {
    const { id } = await makeAgent(admin, { name: "unheard", ou: root });
    const before = await state(id);
    // As the action leaves it when Temporal cannot be reached.
    await query("update agents set sync_state = 'pending' where id = $1", [id]);
    await comparedSince(id, before.checked_at);
  });
});
