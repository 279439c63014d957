import { seededRandom } from "../../test/support/new-organisation.ts";
import { Harvest } from "../agent/harvest.ts";
import type { Arena } from "../arena.ts";
import type { Effort } from "../report.ts";
import type { Definition } from "./definitions.ts";
import { type Played, play } from "./play.ts";
import type { RunScene, Starter } from "./scene.ts";
import { type Told, tellObedient, tellTeam } from "./scripts.ts";
import { stepsOf } from "./steps.ts";

/** Runs that go on at once. */
const atOnce = 3;

/** Has everybody start runs, pass after pass: what the agents of one were told, those of the next make use of. */
export async function playAll(
  arena: Arena,
  scene: RunScene,
  of: Effort & { definitions: ReadonlyMap<string, Definition>; closed: string },
): Promise<Played[]> {
  const random = seededRandom(of.seed);
  const harvest = new Harvest();
  const targets = targetsOf(scene);
  for (const name of Object.values(targets).flat()) harvest.take(name);
  const played: Played[] = [];
  for (let pass = 0; pass < Math.ceil(of.rounds / 10); pass += 1) {
    const wanted = scene.starters.flatMap((starter): [Starter, string][] =>
      starter.revoked
        ? pass === 0
          ? [[starter, "obedient"]]
          : []
        : [
            [starter, "obedient"],
            [starter, "orchestrator"],
          ],
    );
    const queue = wanted.map(([starter, agent], index) => ({
      starter,
      agent,
      told: tell(arena, scene, {
        ...of,
        starter,
        agent,
        nonce: `${pass}-${index}-${of.seed}`,
        sources: { random, harvest, targets },
      }),
    }));
    const lane = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        played.push(await play(arena, scene, { ...next, closed: of.closed }));
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    // What one of them was told, the next ones use.
    for (const { result } of await stepsOf(
      scene,
      played.map(({ id }) => id),
    ))
      harvest.take(result ?? "");
  }
  return played;
}

function tell(
  arena: Arena,
  scene: RunScene,
  of: Effort & {
    definitions: ReadonlyMap<string, Definition>;
    starter: Starter;
    agent: string;
    nonce: string;
    sources: { random: () => number; harvest: Harvest; targets: Record<string, string[]> };
  },
): Told {
  const { label, revoked } = of.starter;
  const context = {
    ...of.sources,
    nonce: of.nonce,
    own: scene.own,
    mayBuild: label !== "AgentUser",
    mayReadServers: label !== "AgentUser",
    places: {
      marker: scene.marker,
      bait: scene.bait,
      stateDirectory: arena.stateDirectory,
      others: scene.others.map(({ id }) => id),
      collectorUrl: scene.collector.url,
      apiUrl: arena.apiUrl,
    },
  };
  return of.agent === "obedient"
    ? tellObedient(of.definitions, context, { calls: of.rounds > 10 ? 60 : 12, delayMs: revoked ? 200 : 0 })
    : tellTeam(of.definitions, context, scene.others);
}

/** What exists, in and out of reach, by the parameter that takes it. */
function targetsOf({ furniture, own, home, foreign, others, approver }: RunScene): Record<string, string[]> {
  const emails = [...furniture.map(({ email }) => email), approver.email, home.admin.email, foreign.admin.email];
  const ous = [...furniture.map(({ ou }) => ou), own, home.root, foreign.root];
  return {
    agent_id: furniture.map(({ agent }) => agent),
    skill_id: furniture.flatMap(({ skills }) => skills),
    mcp_server_id: furniture.flatMap(({ servers }) => servers),
    ou: ous,
    ou_id: ous,
    email: emails,
    owner: emails,
    user: emails,
    run_id: others.flatMap(({ id, planner }) => [id, planner]),
    model: ["claude-sonnet-5-5", "claude-opus-5-5"],
  };
}
