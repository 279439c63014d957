import { Ajv2020 } from "ajv/dist/2020.js";
import { seededRandom } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";
import { changes, changesBetween, faultOfEffects, readWorld, type World } from "./effects.ts";
import { type Hands, openHands, type Told } from "./hands.ts";
import { argumentsFor, Harvest, namesIn } from "./harvest.ts";
import { askDirectly, type Verdict } from "./oracle.ts";
import { auditPosition, auditSince, requestsOf } from "./recorded.ts";
import { type AgentScene, revokedLabel, type Victim } from "./scene.ts";

interface Mind {
  victim: Victim;
  hands: Hands;
  harvest: Harvest;
  /** Mutations of this session that were applied: the same call again is told the same, and does nothing. */
  applied: Set<string>;
}

/**
 * A mind that does whatever it is told calls every tool with everything it comes across, in sessions of people with different
 * rights. Each call is compared with what the person may do at that moment, with what changed, and with what was recorded.
 */
export async function obeyEverything(arena: Arena, scene: AgentScene, { seed, rounds }: Effort): Promise<Report> {
  const random = seededRandom(seed);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const violations: string[] = [];
  const counts = new Map<string, Map<string, Record<string, number>>>();
  const organisationIds = [scene.home.organisationId, scene.foreign.organisationId];
  const minds: Mind[] = [];
  try {
    for (const victim of scene.victims) {
      const hands = await openHands(arena.mcpUrl, victim.bearer);
      minds.push({ victim, hands, harvest: new Harvest(), applied: new Set() });
    }
    let world = await readWorld(scene.sql, organisationIds);
    for (let round = 0; round < rounds; round += 1) {
      if (round === Math.floor(rounds / 2)) world = await revoke(scene, organisationIds);
      for (const mind of minds)
        for (const [tool, schema] of mind.hands.tools) {
          const args = argumentsFor(tool, schema, { random, harvest: mind.harvest, targets: scene.targets });
          const attempt = await tryOnce(arena, scene, { mind, tool, args, world });
          world = attempt.world;
          const fits = ajv.validate(schema as object, args);
          const { told } = attempt;
          const faults = [...attempt.faults];
          if (told.verdict === "invalid" && fits && attempt.direct === "allowed")
            faults.push(`refused what the person may do: ${told.text.slice(0, 300)}`);
          for (const fault of faults)
            violations.push(`${tool} for ${mind.victim.label}: ${fault}; with ${JSON.stringify(args).slice(0, 400)}`);
          const roles = counts.get(tool) ?? new Map<string, Record<string, number>>();
          const cell = roles.get(mind.victim.label) ?? {};
          const counted = told.value["status"] === "needs_input" ? "invalid" : told.verdict;
          cell[counted] = (cell[counted] ?? 0) + 1;
          counts.set(tool, roles.set(mind.victim.label, cell));
        }
    }
  } finally {
    await Promise.all(minds.map(({ hands }) => hands.close()));
  }
  return {
    tallies: [...counts].map(([tool, roles]) => ({
      what: `calls of ${tool} by an agent that obeys (by role: done / refused / sent back as wrong, lacking something, or there already)`,
      tried: [...roles.values()].flatMap((cell) => Object.values(cell)).reduce((sum, count) => sum + count, 0),
      outcome: [...roles]
        .map(([label, { allowed = 0, waits = 0, refused = 0, conflict = 0, invalid = 0 }]) =>
          [label, `${allowed + waits}/${refused}/${conflict + invalid}`].join(" "),
        )
        .join(", "),
    })),
    violations,
  };
}

/** Takes the roles of one of them away, as an administrator does. */
async function revoke(scene: AgentScene, organisationIds: readonly string[]): Promise<World> {
  const person = scene.victims.find(({ label }) => label === revokedLabel);
  if (person !== undefined) {
    const { data } = await scene.home.admin.get<{ data: { id: string }[] }>(`/bindings?user=${person.email}`);
    for (const { id } of data) await scene.home.admin.send("DELETE", `/bindings/${id}`);
  }
  return readWorld(scene.sql, organisationIds);
}

async function tryOnce(
  arena: Arena,
  scene: AgentScene,
  { mind, tool, args, world }: { mind: Mind; tool: string; args: Record<string, unknown>; world: World },
): Promise<{ told: Told; direct: Verdict; faults: string[]; world: World }> {
  const { victim, hands, harvest, applied } = mind;
  const organisationId = scene.home.organisationId;
  const properties = Object.keys(hands.tools.get(tool)?.properties ?? {});
  // What is not a parameter is nobody's: it is the same question without it.
  const known = Object.fromEntries(Object.entries(args).filter(([name]) => properties.includes(name)));
  const key = JSON.stringify([tool, properties.map((name) => known[name])]);
  const recorded = await auditPosition(scene, organisationId);
  const direct = await askDirectly(arena, victim, tool, known);
  const told = await hands.call(tool, args);
  const after = await readWorld(scene.sql, [organisationId, scene.foreign.organisationId]);
  const difference = changesBetween(world, after);
  const nothing = difference.made.length === 0 && difference.gone.length === 0;
  const faults: string[] = [];

  const repeated = told.verdict === "allowed" && nothing && applied.has(key);
  const effect = await faultOfEffects(scene.sql, { tool, principalId: victim.id, organisationId }, difference);
  if (effect !== undefined) faults.push(effect);
  const asked = told.value["status"] === "needs_input";
  if (told.verdict !== "allowed" && told.verdict !== "waits" && !nothing)
    faults.push("refused, and yet it had an effect");
  if (changes(tool) && told.verdict === "allowed" && !asked && nothing && !repeated)
    faults.push(`said to be done, and nothing is: ${told.text.slice(0, 300)}`);
  if (told.verdict === "broken") faults.push(`no answer: ${told.text.slice(0, 300)}`);
  const same = told.verdict === direct.verdict || told.verdict === "invalid";
  if (!same && !(repeated && direct.verdict === "conflict"))
    faults.push(
      `told "${told.verdict}" where the person is told "${direct.verdict}": ${told.text.slice(0, 300)} / ${JSON.stringify(direct.body).slice(0, 300)}`,
    );
  if (told.verdict === "allowed" && changes(tool)) applied.add(key);

  // What the agent is told is what the person is told directly, and what it said or made itself.
  const requests = await requestsOf(scene, victim.sessionId);
  let seen = JSON.stringify([direct.body, args, difference, victim.email, victim.id, requests]);
  const agentId = (told.value["agent"] as { id?: string } | undefined)?.id;
  if (told.verdict === "allowed" && agentId !== undefined)
    seen += JSON.stringify((await askDirectly(arena, victim, "describe_agent", { agent_id: agentId })).body);
  const more = namesIn(told.text, "id", "email", "path", "token").filter(
    // The console's own paths are everybody's.
    (name) => !seen.includes(name) && name !== "/approvals",
  );
  if (more.length > 0) faults.push(`told of ${more.slice(0, 5).join(", ")}: ${told.text.slice(0, 400)}`);
  const sent = JSON.stringify(args);
  if (scene.secrets.some((secret) => told.text.includes(secret) && !sent.includes(secret)))
    faults.push(`told a secret: ${told.text.slice(0, 300)}`);
  harvest.take(told.text);

  const entries = await auditSince(scene, organisationId, recorded, victim.sessionId);
  const outcome = { allowed: "applied", waits: "pending_approval", refused: "refused", conflict: "refused" };
  const wanted = outcome[told.verdict as keyof typeof outcome];
  if (changes(tool) && !asked && !repeated && wanted !== undefined) {
    if (entries.length !== 1 || entries[0]?.outcome !== wanted || entries[0].sub !== victim.id)
      faults.push(`not recorded as ${wanted}: ${JSON.stringify(entries)}`);
  } else if (told.value["status"] === 403 && entries.length === 0) faults.push("refused without a record");
  return { told, direct: direct.verdict, faults, world: after };
}
