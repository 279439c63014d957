import { v7 } from "uuid";
import { roleNames } from "../../../core/authority/roles.ts";
import { hashToken, mintToken } from "../../../core/bearer.ts";
import type { Tx } from "../../../db/database.ts";
import { type Person, signIn } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { storeElevation, storeRuns } from "../governance/runs-stage.ts";
import { call, inOrganisation } from "../governance/stage.ts";

/** Who tries: somebody with one role, or with none. */
export const holders = [...roleNames, "none"] as const;
export type Holder = (typeof holders)[number];

/** Where the target lies, seen from the OU where the role is held: in it, beside it, above it, in another organisation. */
export const places = ["own", "sib", "par", "oth"] as const;
export type Place = (typeof places)[number];

/** One of everything that an operation can be about, in one OU. None of it belongs to anybody who tries. */
export interface Target {
  ou: string;
  ouId: string;
  /** An OU below in which new groups wait for approval. */
  heldOu: string;
  agent: string;
  /** Attached to the agent; `spareSkill` is not. */
  skill: string;
  spareSkill: string;
  /** Attached, with a credential; `bareServer` is attached without one, `spareServer` is not. */
  server: string;
  bareServer: string;
  spareServer: string;
  credential: string;
  user: string;
  email: string;
  group: string;
  member: string;
  binding: string;
  policy: string;
  /** A pending approval, and the request it is of. */
  approval: string;
  digest: string;
  session: string;
  run: string;
  elevation: string;
}

export type Actor = Person & { id: string; holder: Holder };

export interface World {
  home: TestOrganisation;
  targets: Record<Place, Target>;
  /** People whose role is held at the OU of `targets.own`. */
  atOwn: Record<Holder, Actor>;
  /** The same at the root: for what belongs to the whole organisation. */
  atRoot: Record<Holder, Actor>;
  /** What belongs to each of `atOwn` themselves, in their own OU. */
  mine: Record<Holder, Target>;
  /** An agent of the organisation and the registrations of our two servers, for sessions. */
  hands: Hands;
}

interface Hands {
  agent: string;
  servers: Record<"meta" | "runs", string>;
}

export const runsUrl = () => new URL("runs/mcp", sharedStack().mcpUrl).href;

let built: Promise<World> | undefined;

/** Built once for all files here: they change nothing of it that another one looks at. */
export function theWorld(): Promise<World> {
  built ??= buildWorld();
  return built;
}

/** An organisation with the same things in an OU, beside it and above it, a second one, and people with each role. */
async function buildWorld(): Promise<World> {
  const [home, foreign] = await Promise.all([makeOrganisation("matrix"), makeOrganisation("matrix-b")]);
  const parent = await home.ou(`${home.root}/dept`);
  const [own, sibling, other] = await Promise.all([
    home.ou(`${parent}/own`),
    home.ou(`${parent}/sibling`),
    foreign.ou(`${foreign.root}/dept`),
  ]);
  // One OU after the other: so many mutations at once would wait for each other for too long on a small machine.
  const targets = {
    own: await furnish(home, own, "own"),
    sib: await furnish(home, sibling, "sibling"),
    par: await furnish(home, parent, "parent"),
    oth: await furnish(foreign, other, "other"),
  };
  const [atOwn, atRoot, hands] = await Promise.all([
    staff(home, own, "at-own"),
    staff(home, home.root, "at-root"),
    makeHands(home),
  ]);
  const mine = await eachHolder((holder) => belongings(home, targets.own, atOwn[holder]));
  return { home, targets, atOwn, atRoot, mine, hands };
}

export async function eachHolder<Value>(make: (holder: Holder) => Promise<Value>): Promise<Record<Holder, Value>> {
  const made = await Promise.all(holders.map(async (holder) => [holder, await make(holder)] as const));
  return Object.fromEntries(made) as Record<Holder, Value>;
}

/** A person for each role, held at an OU. Made as rows: how people come to their roles is tried elsewhere. */
async function staff(
  { organisationId, name }: TestOrganisation,
  ou: string,
  tag: string,
): Promise<Record<Holder, Actor>> {
  const ids = await inOrganisation(organisationId, async (tx) => {
    const made: Partial<Record<Holder, string>> = {};
    for (const holder of holders) {
      const id = v7();
      await tx.run(
        `insert into users (id, organisation_id, email, display_name, home_ou_id)
         select $1, $2, $3, $4, id from ous where path = $5`,
        [id, tx.organisationId, `${holder}-${tag}@${name}.test`.toLowerCase(), holder, ou],
      );
      if (holder !== "none") await bindRow(tx, { role: holder, ou, personId: id });
      made[holder] = id;
    }
    return made;
  });
  return eachHolder(async (holder) => ({
    ...(await signIn(sharedStack().apiUrl, `${holder}-${tag}@${name}.test`.toLowerCase())),
    id: ids[holder] ?? "",
    holder,
  }));
}

/** Gives a person a role at an OU. */
export async function bindRow(
  tx: Tx,
  { role, ou, personId }: { role: string; ou: string; personId: string },
): Promise<void> {
  await tx.run(
    `insert into bindings (id, organisation_id, ou_id, role, user_id)
     select $1, $2, id, $3, $4 from ous where path = $5`,
    [v7(), tx.organisationId, role, personId, ou],
  );
}

async function makeHands({ admin, root }: TestOrganisation): Promise<Hands> {
  const register = (name: string, url: string) =>
    admin.make<{ id: string }>("/mcp-servers", { name, ou: root, url, deployment: "shared" });
  const [agent, meta, runs] = await Promise.all([
    admin.make<{ id: string }>("/agents", { name: "hands", ou: root }),
    register("meta", sharedStack().mcpUrl),
    register("runs", runsUrl()),
  ]);
  return { agent: agent.id, servers: { meta: meta.id, runs: runs.id } };
}

/** One of everything in an OU, made by the organisation's admin. */
export async function furnish(organisation: TestOrganisation, ou: string, tag: string): Promise<Target> {
  const { admin, organisationId, name } = organisation;
  const make = async (path: string, body: Record<string, unknown>) => (await admin.make<{ id: string }>(path, body)).id;
  const email = `target-${tag}@${name}.test`;
  const skillNamed = (skill: string) => make("/skills", { name: skill, ou, description: "S", content: "#" });
  const serverNamed = (server: string) =>
    make("/mcp-servers", { name: server, ou, url: `https://${server}.example/mcp` });
  const held = make("/ous", { parent: ou, name: "held" });
  const [agent, skill, spareSkill, server, bareServer, spareServer, user, group] = await Promise.all([
    make("/agents", { name: "target", ou }),
    skillNamed("attached"),
    skillNamed("spare"),
    serverNamed("attached"),
    serverNamed("bare"),
    serverNamed("spare"),
    make("/users", { email, display_name: "Target", home_ou: ou }),
    make("/groups", { name: "target", ou }),
    held,
  ]);
  const heldOu = `${ou}/held`;
  const [binding, policy, member] = await Promise.all([
    make("/bindings", { role: "Viewer", ou, user: email }),
    make("/approval-policies", { name: "careful", ou: heldOu, operations: ["group.create"] }),
    make("/users", { email: `member-${tag}@${name}.test`, display_name: "Member", home_ou: ou }),
    make(`/agents/${agent}/skills`, { skill_id: skill }),
    make(`/agents/${agent}/mcp-servers`, { mcp_server_id: server }),
    make(`/agents/${agent}/mcp-servers`, { mcp_server_id: bareServer }),
  ]);
  const [credential, pending, { data: ous }, { principal_id: adminId }] = await Promise.all([
    make(`/agents/${agent}/credentials`, { mcp_server_id: server }),
    call(admin, "POST", "/groups", { name: "waits", ou: heldOu }),
    admin.get<{ data: { id: string; path: string }[] }>(`/ous?limit=200&ou=${encodeURIComponent(ou)}`),
    admin.get<{ principal_id: string }>("/me"),
    make(`/groups/${group}/members`, { user: member }),
  ]);
  const ouId = ous.find(({ path }) => path === ou)?.id ?? "";
  await admin.make(`/ous/${ouId}/budget`, { tokens_limit: 1_000_000_000 });
  const { digest } = await admin.get<{ digest: string }>(`/approvals/${pending.id}`);
  const rows = await storeRows(organisationId, { ouId, agent, personId: adminId });
  return {
    ou,
    ouId,
    heldOu,
    agent,
    skill,
    spareSkill,
    server,
    bareServer,
    spareServer,
    credential,
    user,
    email,
    group,
    member,
    binding,
    policy,
    approval: pending.id,
    digest,
    ...rows,
  };
}

/** A session and a run that are over, and what the run had been allowed: as rows, so that nothing moves meanwhile. */
async function storeRows(
  organisationId: string,
  { ouId, agent, personId }: { ouId: string; agent: string; personId: string },
): Promise<Pick<Target, "session" | "run" | "elevation">> {
  const session = v7();
  return inOrganisation(organisationId, async (tx) => {
    await tx.run(
      `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, status, end_reason, idle_timeout_seconds,
         body_digest, ended_at, cleaned_at) values ($1, $2, $3, $4, 'Hello', 'ended', 'done', 60, '', now(), now())`,
      [session, tx.organisationId, agent, personId],
    );
    const [run = ""] = await storeRuns(tx, [{ ouId, requesterId: personId, budget: { tokens: 1 } }]);
    return { session, run, elevation: await storeElevation(tx, run) };
  });
}

/** What would be somebody's own: a session, a run, an elevation, and a request that was withdrawn. */
async function belongings({ organisationId }: TestOrganisation, target: Target, actor: Actor): Promise<Target> {
  const rows = await storeRows(organisationId, { ouId: target.ouId, agent: target.agent, personId: actor.id });
  const approval = `req_${v7().replaceAll("-", "")}`;
  await copyRow("operations", target.approval, {
    id: approval,
    sub: actor.id,
    idempotency_key: null,
    status: "cancelled",
    finished_at: new Date(),
  });
  await copyRow("approval_requests", target.approval, {
    id: approval,
    requester_id: actor.id,
    status: "cancelled",
    decided_at: new Date(),
    consumed_at: new Date(),
  });
  return { ...target, ...rows, approval, user: actor.id, email: actor.email };
}

async function copyRow(table: string, id: string, changes: Record<string, unknown>): Promise<void> {
  await asSuperuser(async (sql) => {
    const { rows } = await sql.query<{ names: string }>(
      `select string_agg(column_name, ', ') as names from information_schema.columns
        where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'`,
      [table],
    );
    const names = rows[0]?.names ?? "";
    await sql.query(
      `insert into ${table} (${names}) select ${names} from (
         select (jsonb_populate_record(t, $2)).* from ${table} t where id = $1) copied`,
      [id, JSON.stringify(changes)],
    );
  });
}

/** An open session of somebody's with the bearers for our two servers, as rows: nobody has to be allowed to invoke. */
export async function openSession(
  { home, hands }: Pick<World, "home" | "hands">,
  personId: string,
): Promise<{ id: string; bearers: Record<"meta" | "runs", string> }> {
  const id = v7();
  const bearers = { meta: mintToken("pls"), runs: mintToken("pls") };
  await inOrganisation(home.organisationId, async (tx) => {
    await tx.run(
      `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, status, idle_timeout_seconds, body_digest)
       values ($1, $2, $3, $4, 'Hello', 'idle', 3600, '')`,
      [id, tx.organisationId, hands.agent, personId],
    );
    for (const server of ["meta", "runs"] as const)
      await tx.run(
        `insert into session_bearers (organisation_id, session_id, agent_id, mcp_server_id, bearer_hash)
         values ($1, $2, $3, $4, $5)`,
        [tx.organisationId, id, hands.agent, hands.servers[server], hashToken(bearers[server])],
      );
  });
  return { id, bearers };
}
