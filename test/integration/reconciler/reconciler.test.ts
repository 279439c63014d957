import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { agentsToCompare } from "../../../db/queries/agents.ts";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser, query } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { clearRequests, giveScript, injectFaults, provider, requestsSeen } from "../../support/provider.ts";
import { bootstrap, cleanedUp, invoke, makeAgent, sessionIn, synced } from "../../support/sessions.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

interface Agent {
  id: string;
  generation: number;
  synced_generation: number;
  sync_state: string;
  sync_error: unknown;
  cma_agent_id: string | null;
  cma_agent_version: number | null;
}

let organisation: TestOrganisation;
let admin: Person;
let root: string;
let tools: ToolServer;
let serverId: string;

beforeAll(async () => {
  organisation = await makeOrganisation("recon");
  ({ admin, root } = organisation);
  tools = await startToolServer();
  ({ id: serverId } = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url }));
});
afterEach(() => injectFaults());
afterAll(() => tools.close());

const creation = { method: "POST", path: "^/v1/agents$" } as const;
const agentAt = (id: string) => ({ method: "POST", path: `^/v1/agents/${id}$` }) as const;
/** As if the agent had last been compared with the provider an hour ago: the next sweep has it compared. */
const notComparedForLong = (id: string) =>
  query("update agents set checked_at = clock_timestamp() - interval '1 hour' where id = $1", [id]);
/** As if it had been under a clock ten minutes ahead: that time is not waited for. */
const comparedInTheFuture = (id: string) =>
  query("update agents set checked_at = clock_timestamp() + interval '10 minutes' where id = $1", [id]);
const agent = (id: string) => admin.get<Agent>(`/agents/${id}`);
const there = (cmaAgentId: string) => provider().beta.agents.retrieve(cmaAgentId);
const inState = (id: string, state: string) =>
  eventually(async () => {
    const now = await agent(id);
    return now.sync_state === state ? now : undefined;
  }, `agent ${id} is ${state}`);

/** Waits until the agent's row is so: what no API shows. */
const isRow = (id: string, condition: string) =>
  eventually(
    async () => (await query(`select from agents where id = $1 and ${condition}`, [id]))[0],
    `agent ${id}: ${condition}`,
  );
const beingCreated = (id: string) => isRow(id, "create_intended_at is not null");

/** When its minutes are over, nobody looks for a second one of the agent again. */
async function notLookedForAnyMore(id: string): Promise<void> {
  await query(
    `update agents set twins_until = clock_timestamp() - interval '1 second', checked_at = clock_timestamp() - interval '2 minutes'
      where id = $1`,
    [id],
  );
  await isRow(id, "twins_until is null");
}

/** An agent that an attempt has looked at, and whose skill it is uploading: it is created after that. */
async function beingDefined(name: string): Promise<string> {
  const skill = await admin.make<{ id: string }>("/skills", {
    name: `${name}-skill`,
    description: "Slow to upload",
    ou: root,
    content: "# Slow",
  });
  await injectFaults({ match: creation, kind: "500", times: 100 });
  const { id } = await admin.make<{ id: string }>("/agents", { name, ou: root });
  await inState(id, "error");
  // As if no attempt had come so far as to intend it.
  await query("update agents set create_intended_at = null, twins_until = null where id = $1", [id]);
  await clearRequests();
  await injectFaults({ match: { method: "POST", path: "^/v1/skills" }, kind: "delay", delay_ms: 2_000 });
  await admin.make(`/agents/${id}/skills`, { skill_id: skill.id });
  await eventually(
    async () => (await requestsSeen("POST", /^\/v1\/skills/)).length > 0 || undefined,
    "its skill is being uploaded",
  );
  return id;
}

/** What the provider holds with our tag for an agent, archived or not. */
async function tagged(agentId: string) {
  const found: { id: string; archived: boolean }[] = [];
  for await (const one of provider().beta.agents.list({ limit: 100, include_archived: true }))
    if (one.metadata["powerloom_agent"] === agentId) found.push({ id: one.id, archived: one.archived_at !== null });
  return found;
}

describe("an agent here is an agent at the provider", () => {
  test("it is created, changed under its version, and archived", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, {
      name: "whole-life",
      ou: root,
      system_prompt: "Be brief.",
      description: "First",
    });
    expect(await there(cmaAgentId)).toMatchObject({
      version: 1,
      name: "whole-life",
      system: "Be brief.",
      description: "First",
      metadata: { powerloom_agent: id, powerloom_organisation: organisation.organisationId },
      tools: [],
      mcp_servers: [],
    });
    expect((await admin.send("PATCH", `/agents/${id}`, { system_prompt: "Be long." })).status).toBe(200);
    await synced(admin, id);
    expect(await there(cmaAgentId)).toMatchObject({ version: 2, system: "Be long.", description: "First" });
    expect(await agent(id)).toMatchObject({
      cma_agent_version: 2,
      generation: 2,
      synced_generation: 2,
      sync_error: null,
    });
    expect((await admin.send("DELETE", `/agents/${id}`)).status).toBe(200);
    await eventually(async () => (await there(cmaAgentId)).archived_at ?? undefined, "the agent is archived");
    expect(await tagged(id)).toEqual([{ id: cmaAgentId, archived: true }]);
  });

  test("every permission policy is written out: the control plane's server allows, others as attached, tools off", async () => {
    const { agentId } = await bootstrap(admin, root);
    const meta = await there(await synced(admin, agentId));
    expect(meta.tools).toEqual([
      {
        type: "mcp_toolset",
        mcp_server_name: "powerloom-meta",
        default_config: { enabled: true, permission_policy: { type: "always_allow" } },
        configs: [],
      },
    ]);
    const skill = await admin.make<{ id: string }>("/skills", {
      name: "reading",
      description: "How to read",
      ou: root,
      content: "# Read",
    });
    const { id } = await makeAgent(admin, { name: "explicit", ou: root });
    await admin.make(`/agents/${id}/mcp-servers`, { mcp_server_id: serverId, permission_policy: "always_ask" });
    await admin.make(`/agents/${id}/skills`, { skill_id: skill.id });
    const explicit = await there(await synced(admin, id));
    const [notes, own] = explicit.tools as unknown as {
      default_config: unknown;
      configs: { name: string; enabled: boolean; permission_policy: unknown }[];
    }[];
    expect(notes?.default_config).toEqual({ enabled: true, permission_policy: { type: "always_ask" } });
    expect(own?.default_config).toEqual({ enabled: false, permission_policy: { type: "always_ask" } });
    expect(own?.configs.filter(({ enabled }) => enabled)).toMatchObject([
      { name: "read", permission_policy: { type: "always_allow" } },
    ]);
  });

  test.each(variant("a server that is detached, or whose registration is removed, is gone there with its toolset"))(
    "%s",
    async () => {
      const other = await admin.make<{ id: string }>("/mcp-servers", {
        name: "brief",
        ou: root,
        url: "http://127.0.0.1:9/b",
      });
      const { id } = await makeAgent(admin, { name: "loses", ou: root });
      for (const mcp_server_id of [serverId, other.id])
        await admin.make(`/agents/${id}/mcp-servers`, { mcp_server_id });
      const cmaAgentId = await synced(admin, id);
      const names = async () => (await there(cmaAgentId)).mcp_servers.map(({ name }) => name).sort();
      expect(await names()).toEqual(["brief", "notes"]);
      expect((await admin.send("DELETE", `/agents/${id}/mcp-servers/${serverId}`)).status).toBe(200);
      await synced(admin, id);
      expect(await names()).toEqual(["brief"]);
      expect((await admin.send("DELETE", `/mcp-servers/${other.id}`)).status).toBe(200);
      await eventually(async () => ((await names()).length === 0 ? true : undefined), "the removed server is gone");
      expect((await there(cmaAgentId)).tools).toEqual([]);
    },
  );

  test.each(variant("a skill's version is uploaded once, however many agents use it, and each version in its turn"))(
    "%s",
    async () => {
      const skill = await admin.make<{ id: string }>("/skills", {
        name: "shared-skill",
        description: "Used by many",
        ou: root,
        content: "# One",
      });
      const made = await Promise.all(
        ["first-user", "second-user", "third-user"].map((name) => makeAgent(admin, { name, ou: root })),
      );
      await clearRequests();
      await Promise.all(made.map(({ id }) => admin.make(`/agents/${id}/skills`, { skill_id: skill.id })));
      await Promise.all(made.map(({ id }) => synced(admin, id)));
      expect(await requestsSeen("POST", /^\/v1\/skills/)).toHaveLength(1);
      const skills = await Promise.all(made.map(async ({ cmaAgentId }) => (await there(cmaAgentId)).skills));
      expect(new Set(skills.map((list) => JSON.stringify(list))).size).toBe(1);
      expect(skills[0]).toHaveLength(1);

      await admin.make(`/skills/${skill.id}/versions`, { content: "# Two" });
      const late = await makeAgent(admin, { name: "late-user", ou: root });
      await admin.make(`/agents/${late.id}/skills`, { skill_id: skill.id });
      await synced(admin, late.id);
      const posts = (await requestsSeen("POST", /^\/v1\/skills/)).length;
      expect(posts).toBe(2);
      const [newer] = (await there(late.cmaAgentId)).skills;
      expect(newer?.skill_id).toBe(skills[0]?.[0]?.skill_id);
      expect(newer?.version).not.toBe(skills[0]?.[0]?.version);
    },
  );

  test.each(variant("an organisation has one environment there, however many sessions open at once"))(
    "%s",
    async () => {
      const { id } = await makeAgent(admin, { name: "crowded", ou: root });
      const sessions = await Promise.all([1, 2, 3, 4].map(() => invoke(admin, id)));
      for (const session of sessions) await sessionIn(admin, session, "idle");
      const environments: string[] = [];
      for await (const environment of provider().beta.environments.list({ limit: 100 }))
        if (environment.metadata["powerloom_organisation"] === organisation.organisationId)
          environments.push(environment.id);
      expect(environments).toHaveLength(1);
    },
  );
});

describe("what goes wrong at the provider", () => {
  test("a creation whose answer was lost is adopted: exactly one agent has our tag", async () => {
    await injectFaults({ match: creation, kind: "drop_after" });
    const { id, cmaAgentId } = await makeAgent(admin, { name: "adopted", ou: root });
    expect(await tagged(id)).toEqual([{ id: cmaAgentId, archived: false }]);
    const made = await requestsSeen("POST", /^\/v1\/agents$/);
    expect(made.filter(({ status }) => status === 0).length).toBeGreaterThan(0);
  });

  test("a creation that never arrived is made again", async () => {
    await injectFaults({ match: creation, kind: "drop_before" });
    const { id, cmaAgentId } = await makeAgent(admin, { name: "again", ou: root });
    expect(await tagged(id)).toEqual([{ id: cmaAgentId, archived: false }]);
  });

  test("of two that were created at once, the one that is recorded first stays, though archiving the other fails", async () => {
    await injectFaults(
      { match: creation, kind: "delay", delay_ms: 1_500 },
      { match: { method: "POST", path: "^/v1/agents/[^/]+/archive$" }, kind: "500" },
    );
    const { id } = await admin.make<{ id: string }>("/agents", { name: "twins", ou: root });
    await beingCreated(id);
    // As another attempt would that was made while the first was frozen.
    const other = await provider().beta.agents.create({
      name: "twins",
      model: "claude-sonnet-5-5",
      metadata: { powerloom_agent: id, powerloom_organisation: organisation.organisationId },
    });
    await query("update agents set cma_agent_id = $2, cma_agent_version = 1 where id = $1", [id, other.id]);
    const both = await eventually(async () => {
      const all = await tagged(id);
      return all.some(({ archived }) => archived) ? all : undefined;
    }, "one of them is archived");
    expect(both).toHaveLength(2);
    expect(both.filter(({ archived }) => !archived)).toEqual([{ id: other.id, archived: false }]);
    await synced(admin, id);
    expect(await agent(id)).toMatchObject({ cma_agent_id: other.id });
  });

  test("an attempt that was frozen does not take what another one has made for the one that is gone", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "overtaken", ou: root });
    await provider().beta.agents.archive(cmaAgentId);
    await clearRequests();
    await injectFaults({
      match: { method: "GET", path: `^/v1/agents/${cmaAgentId}$` },
      kind: "delay",
      delay_ms: 1_500,
    });
    await notComparedForLong(id);
    await eventually(async () => {
      const asked = await requestsSeen("GET", new RegExp(`^/v1/agents/${cmaAgentId}$`));
      return asked.length > 0 || undefined;
    }, "it looks, and its answer takes long");
    const other = await provider().beta.agents.create({
      name: "overtaken",
      model: "claude-sonnet-5-5",
      metadata: { powerloom_agent: id, powerloom_organisation: organisation.organisationId },
    });
    await query("update agents set cma_agent_id = $2, cma_agent_version = 1 where id = $1", [id, other.id]);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await agent(id)).toMatchObject({ cma_agent_id: other.id, sync_state: "synced" });
    expect((await tagged(id)).filter(({ archived }) => !archived)).toEqual([{ id: other.id, archived: false }]);
  });

  test("a request that is carried out after all, when its agent has been looked for, makes one that is archived", async () => {
    await injectFaults({ match: creation, kind: "drop_after" });
    const { id, cmaAgentId } = await makeAgent(admin, { name: "late", ou: root });
    const late = async () => {
      const { id: twin } = await provider().beta.agents.create({
        name: "late",
        model: "claude-sonnet-5-5",
        metadata: { powerloom_agent: id, powerloom_organisation: organisation.organisationId },
      });
      await query("update agents set checked_at = clock_timestamp() - interval '2 minutes' where id = $1", [id]);
      await eventually(async () => {
        const twins = (await tagged(id)).filter((one) => one.id === twin);
        return twins.every(({ archived }) => archived) || undefined;
      }, "the second one is archived");
      return twin;
    };
    const first = await late();
    expect((await tagged(id)).filter(({ archived }) => !archived)).toEqual([{ id: cmaAgentId, archived: false }]);
    // Also when ours is deleted and archived by then.
    expect((await admin.send("DELETE", `/agents/${id}`, {})).status).toBeLessThan(300);
    await isRow(id, "archived_at is not null");
    const second = await late();
    const all = await tagged(id);
    expect(new Set(all.map((one) => one.id))).toEqual(new Set([cmaAgentId, first, second]));
    expect(all.map(({ archived }) => archived)).toEqual([true, true, true]);
    // After minutes nothing is on its way any more, and nobody looks again.
    await notLookedForAnyMore(id);
  });

  test("when two attempts have looked before either of them made it, a second one is looked for", async () => {
    const id = await beingDefined("both-looked");
    // As the other attempt intends, creates, and records.
    await query("update agents set create_intended_at = clock_timestamp() where id = $1", [id]);
    await synced(admin, id);
    await isRow(id, "twins_until > clock_timestamp() + interval '3 minutes'");
  });

  test("one that is deleted after an attempt has looked is not created by that attempt", async () => {
    const id = await beingDefined("deleted-since");
    await clearRequests();
    expect((await admin.send("DELETE", `/agents/${id}`)).status).toBe(200);
    await isRow(id, "archived_at is not null");
    expect(await requestsSeen("POST", /^\/v1\/agents$/)).toEqual([]);
    expect(await tagged(id)).toEqual([]);
  });

  test("a second one is archived although the definition of the first is refused", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "refused-later", ou: root });
    await injectFaults({ match: agentAt(cmaAgentId), kind: "400", times: 100 });
    await admin.send("PATCH", `/agents/${id}`, { system_prompt: "Refused" });
    await inState(id, "error");
    const twin = await provider().beta.agents.create({
      name: "refused-later",
      model: "claude-sonnet-5-5",
      metadata: { powerloom_agent: id, powerloom_organisation: organisation.organisationId },
    });
    await query(
      `update agents set twins_until = clock_timestamp() + interval '4 minutes',
         checked_at = clock_timestamp() - interval '2 minutes' where id = $1`,
      [id],
    );
    await eventually(async () => (await there(twin.id)).archived_at ?? undefined, "the second one is archived");
    expect((await there(cmaAgentId)).archived_at).toBeNull();
    expect(await agent(id)).toMatchObject({ cma_agent_id: cmaAgentId, sync_state: "error" });
  });

  test("how long a second one is looked for does not depend on a clock that was ahead", async () => {
    const { id } = await makeAgent(admin, { name: "ahead-of-time", ou: root });
    await query(
      `update agents set twins_until = clock_timestamp() + interval '15 minutes',
         checked_at = clock_timestamp() - interval '2 minutes' where id = $1`,
      [id],
    );
    await isRow(id, "twins_until is distinct from null and twins_until < clock_timestamp() + interval '10 minutes'");
    await notLookedForAnyMore(id);
  });

  test("one that is deleted while it is created is archived, though nobody tells of the deletion", async () => {
    await injectFaults({ match: creation, kind: "delay", delay_ms: 1_500 });
    const { id } = await admin.make<{ id: string }>("/agents", { name: "brief", ou: root });
    await beingCreated(id);
    await query(
      "update agents set deleted_at = clock_timestamp(), generation = generation + 1, sync_state = 'pending' where id = $1",
      [id],
    );
    await eventually(async () => ((await tagged(id)).length > 0 ? true : undefined), "it has been created");
    await isRow(id, "archived_at is not null");
    expect((await tagged(id)).map(({ archived }) => archived)).toEqual([true]);
  });

  test("one that is deleted, and was never created, is not looked for for ever", async () => {
    await injectFaults({ match: creation, kind: "500", times: 100 });
    const { id } = await admin.make<{ id: string }>("/agents", { name: "never-made", ou: root });
    await inState(id, "error");
    await admin.send("DELETE", `/agents/${id}`, {});
    await isRow(id, "archived_at is not null");
    await notLookedForAnyMore(id);
  });

  test("an attempt that was overtaken does not record an older version", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "older", ou: root, system_prompt: "One" });
    const seen = new Set<number>();
    await asSuperuser(async (sql) => {
      await sql.query(
        "update agents set system_prompt = 'Two', generation = generation + 1, sync_state = 'pending' where id = $1",
        [id],
      );
      await sql.query("begin");
      await sql.query("select from agents where id = $1 for update", [id]);
      await eventually(async () => (await there(cmaAgentId)).version === 2 || undefined, "it waits with its record");
      // As another attempt does, while this one is frozen.
      await provider().beta.agents.update(cmaAgentId, { version: 2, system: "Three" });
      await sql.query(
        `update agents set system_prompt = 'Three', generation = generation + 1, synced_generation = generation + 1,
           sync_state = 'synced', cma_agent_version = 3 where id = $1`,
        [id],
      );
      await sql.query("create table older_versions (version integer)");
      await sql.query(
        `create function note_version() returns trigger language plpgsql security definer as
         $$ begin insert into older_versions values (new.cma_agent_version); return new; end $$`,
      );
      await sql.query(
        `create trigger older_versions after update on agents for each row when (new.id = '${id}') execute function note_version()`,
      );
      await sql.query("commit");
    });
    try {
      await eventually(async () => {
        for (const { version } of await query<{ version: number }>("select version from older_versions"))
          seen.add(version);
        return (seen.size > 0 && (await agent(id)).sync_state === "synced") || undefined;
      }, "the overtaken attempt has recorded, and it is in sync");
      expect([...seen]).toEqual([3]);
    } finally {
      await query("drop trigger older_versions on agents");
      await query("drop function note_version");
      await query("drop table older_versions");
    }
  });

  test.concurrent("somebody else's edit is put back by the sweep, and their metadata is left alone", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "edited", ou: root, system_prompt: "Ours" });
    await provider().beta.agents.update(cmaAgentId, {
      version: 1,
      system: "Theirs",
      description: "Theirs",
      metadata: { team: "billing" },
      tools: [{ type: "agent_toolset_20260401" }],
    });
    await notComparedForLong(id);
    const seen = await eventually(async () => {
      const now = await there(cmaAgentId);
      return now.system === "Ours" ? now : undefined;
    }, "the edit is put back");
    expect(seen).toMatchObject({
      version: 3,
      description: null,
      tools: [],
      metadata: { team: "billing", powerloom_agent: id },
    });
    await eventually(async () => (await agent(id)).cma_agent_version === 3 || undefined, "the version is recorded");
  });

  test("one that was compared under a clock ahead comes before hundreds that are due", async () => {
    const { id } = await makeAgent(admin, { name: "ahead", ou: root });
    await asSuperuser(async (sql) => {
      // Never committed: seen by nobody else.
      await sql.query("begin");
      await sql.query(
        `insert into agents select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'name', 'due-' || n,
           'cma_agent_id', 'due-' || n, 'checked_at', clock_timestamp() - interval '1 hour'))).*
           from agents a cross join generate_series(1, 600) as n where a.id = $1`,
        [id],
      );
      await sql.query("update agents set checked_at = clock_timestamp() + interval '10 minutes' where id = $1", [id]);
      const { rows } = await sql.query<{ id: string }>(
        agentsToCompare.replaceAll(
          " from agents",
          ` from (select * from agents where organisation_id = '${organisation.organisationId}') a`,
        ),
        [10],
      );
      expect(rows).toHaveLength(500);
      expect(rows.slice(0, 20).map((row) => row.id)).toContain(id);
    });
  });

  test.concurrent("an agent that somebody archived there is made anew", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "archived", ou: root });
    await provider().beta.agents.archive(cmaAgentId);
    await comparedInTheFuture(id);
    const now = await eventually(async () => {
      const seen = await agent(id);
      return seen.cma_agent_id !== null && seen.cma_agent_id !== cmaAgentId ? seen : undefined;
    }, "the agent is made anew");
    expect((await there(now.cma_agent_id ?? "")).archived_at).toBeNull();
    expect((await tagged(id)).filter(({ archived }) => !archived)).toHaveLength(1);
  });

  test("a definition it refuses shows as its own words, raw, and recovers once it is put right", async () => {
    // A skill the provider has lost: our record names a version that is not there any more.
    const skill = await admin.make<{ id: string }>("/skills", {
      name: "lost",
      description: "Lost",
      ou: root,
      content: "# L",
    });
    const { id, cmaAgentId } = await makeAgent(admin, { name: "refused", ou: root });
    await admin.make(`/agents/${id}/skills`, { skill_id: skill.id });
    await synced(admin, id);
    const [reference] = (await there(cmaAgentId)).skills;
    await provider().beta.skills.versions.delete(reference?.version ?? "", {
      skill_id: reference?.skill_id ?? "",
    } as never);
    expect((await admin.send("PATCH", `/agents/${id}`, { system_prompt: "New" })).status).toBe(200);
    const failed = await inState(id, "error");
    expect(failed.sync_error).toMatchObject({
      status: 400,
      request_id: expect.stringMatching(/^req_/),
      error: { type: "error", error: { type: "invalid_request_error", message: expect.any(String) } },
    });
    expect((await admin.send("DELETE", `/agents/${id}/skills/${skill.id}`)).status).toBe(200);
    expect((await inState(id, "synced")).sync_error).toBeNull();
    expect(await there(cmaAgentId)).toMatchObject({ system: "New", skills: [] });
  });

  test("a rate limit is waited out as long as it says, whoever asks meanwhile", async () => {
    await injectFaults({ match: creation, kind: "429", retry_after: 2 });
    const { id } = await admin.make<{ id: string }>("/agents", { name: "limited", ou: root });
    const limited = await inState(id, "error");
    const since = Date.now();
    expect(limited.sync_error).toMatchObject({ status: 429, error: { error: { type: "rate_limit_error" } } });
    // A change, and the sweep, would both like to push at once.
    expect((await admin.send("PATCH", `/agents/${id}`, { description: "Hurry" })).status).toBe(200);
    const cmaAgentId = await synced(admin, id);
    expect(Date.now() - since).toBeGreaterThan(1_700);
    expect(await there(cmaAgentId)).toMatchObject({ version: 1, description: "Hurry" });
  });

  test.each(variant("an overloaded provider is asked again, later and later, until it answers"))("%s", async () => {
    await injectFaults({ match: creation, kind: "529", times: 2 }, { match: creation, kind: "500" });
    const { id, cmaAgentId } = await makeAgent(admin, { name: "patient", ou: root });
    expect(await tagged(id)).toEqual([{ id: cmaAgentId, archived: false }]);
  });

  test.each(variant("a version that has moved on is looked at again, never overwritten unseen"))("%s", async () => {
    const { id, cmaAgentId } = await makeAgent(admin, { name: "racing", ou: root });
    await clearRequests();
    await injectFaults({ match: agentAt(cmaAgentId), kind: "delay", delay_ms: 700 });
    expect((await admin.send("PATCH", `/agents/${id}`, { system_prompt: "Ours" })).status).toBe(200);
    // It has looked, and its update is on the way.
    await eventually(async () => {
      const asked = await requestsSeen("GET", new RegExp(`^/v1/agents/${cmaAgentId}$`));
      return asked.length > 0 || undefined;
    }, "the reconciler has looked");
    await provider().beta.agents.update(cmaAgentId, { version: 1, system: "Theirs", metadata: { seen: "yes" } });
    await eventually(async () => ((await there(cmaAgentId)).system === "Ours" ? true : undefined), "ours is in force");
    expect((await there(cmaAgentId)).metadata["seen"]).toBe("yes");
    const updates = await requestsSeen("POST", new RegExp(`^/v1/agents/${cmaAgentId}$`));
    expect(updates.map(({ status }) => status)).toContain(409);
    await synced(admin, id);
  });
});

describe("deleting an agent", () => {
  test("ends its open sessions first, running and idle ones, and archives it after them", async () => {
    const { id } = await makeAgent(admin, { name: "leaves", ou: root });
    await admin.make(`/agents/${id}/mcp-servers`, { mcp_server_id: serverId });
    await admin.make(`/agents/${id}/credentials`, { mcp_server_id: serverId });
    const cmaAgentId = await synced(admin, id);
    const idle = await invoke(admin, id);
    await sessionIn(admin, idle, "idle");
    await giveScript(cmaAgentId, [
      { call: { server: "notes", tool: "slow_note", input: { text: "long", ms: 1_500 } } },
      { say: "Never said." },
    ]);
    const running = await invoke(admin, id);
    await eventually(async () => tools.calls.length > 0 || undefined, "the tool call runs");
    expect((await admin.send("DELETE", `/agents/${id}`)).status).toBe(200);
    await eventually(async () => (await there(cmaAgentId)).archived_at ?? undefined, "the agent is archived", 20_000);
    for (const session of [idle, running]) {
      expect(await sessionIn(admin, session, "ended")).toMatchObject({ end_reason: "the agent was deleted" });
      await cleanedUp(session);
    }
    for await (const session of provider().beta.sessions.list({
      agent_id: cmaAgentId,
      limit: 100,
      include_archived: true,
    }))
      expect(session.archived_at, "a session archived before the agent").not.toBeNull();
    for await (const vault of provider().beta.vaults.list({ limit: 100 }))
      expect([idle, running]).not.toContain(vault.metadata["powerloom_session"]);
  });
});
