import { eventually } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import { allRoles, armMind } from "./mind.ts";
import type { RunScene, Starter } from "./scene.ts";
import type { Told } from "./scripts.ts";

/** A run that was started by somebody, and has ended. */
export interface Played {
  id: string;
  agent: string;
  starter: Starter;
  legitimate: ReadonlySet<string>;
  /** As which it ended, and why. */
  status: string;
  reason: { rule: string; reason: string } | null;
  /** Between which moments of the database's clock its person's roles were taken away; undefined when they were not. */
  revoked: { from: Date; to: Date } | undefined;
}

export const budget = { tokens: 3_000_000, calls: 300 };

/** Starts a run whose agents are told all that, and waits for its end. */
export async function play(
  arena: Arena,
  scene: RunScene,
  { starter, agent, told, closed }: { starter: Starter; agent: string; told: Told; closed: string },
): Promise<Played> {
  const model = await armMind(arena, `obeys-${crypto.randomUUID()}`, told.roles);
  const { person } = starter;
  const { id } = await person.make<{ id: string }>("/runs", {
    task: "Do as you are told.",
    agent,
    ou: scene.own,
    budget,
    models: Object.fromEntries(allRoles.map((role) => [role, model])),
    files: [
      { path: "notes.txt", content: "Notes.\n" },
      { path: "closed.txt", content: closed },
      { path: "open/here.txt", content: "Here.\n" },
    ],
  });
  const revoked = starter.revoked ? await revokeMidway(scene, starter, id) : undefined;
  const { status, reason } = await eventually(
    async () => {
      const run = await person.get<Shown>(`/runs/${id}`);
      // An agent that has tried much in vain is taken for one that goes round in circles, and asks its person.
      for (const { id: paused } of pausedIn(run)) await person.send("POST", `/runs/${paused}/resume`, {});
      return run.completed_at === null ? undefined : run;
    },
    `run ${id} of ${agent} ends`,
    240_000,
  );
  return { id, agent, starter, legitimate: told.legitimate, status, reason, revoked };
}

interface Shown extends Pick<Played, "id" | "status" | "reason"> {
  completed_at: string | null;
  /** Of the run that was asked for. */
  children?: Shown[];
}

function pausedIn(run: Shown): Shown[] {
  return [...(run.status === "paused" ? [run] : []), ...(run.children ?? []).flatMap(pausedIn)];
}

/** Takes the roles away once some calls have been made, and gives them back to nobody. */
async function revokeMidway(
  { sql, home }: RunScene,
  { person }: Starter,
  id: string,
): Promise<{ from: Date; to: Date }> {
  await eventually(
    async () => {
      const { rows } = await sql.query(
        "select from agent_steps where run_id = $1 and step_type = 'tool_call' and completed_at is not null",
        [id],
      );
      return rows.length >= 9 ? true : undefined;
    },
    "the run has made some calls",
    60_000,
  );
  const now = async () =>
    (await sql.query<{ now: Date }>("select clock_timestamp() as now")).rows[0]?.now ?? new Date();
  const from = await now();
  const { data } = await home.admin.get<{ data: { id: string }[] }>(`/bindings?user=${person.email}`);
  for (const { id: binding } of data) await home.admin.send("DELETE", `/bindings/${binding}`);
  return { from, to: await now() };
}
