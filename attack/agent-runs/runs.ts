import { readWorld } from "../agent/effects.ts";
import { namesIn } from "../agent/harvest.ts";
import type { Arena } from "../arena.ts";
import { faultsAtProvider, readProvider } from "../provider.ts";
import { countOf, type Effort, type Report } from "../report.ts";
import { playAll } from "./campaign.ts";
import { type Definition, lists, readDefinitions } from "./definitions.ts";
import { faultsOfFiles, readFiles } from "./files.ts";
import type { Played } from "./play.ts";
import { faultsOfRows } from "./rows.ts";
import { type RunScene, setRunScene } from "./scene.ts";
import { legitimateKey } from "./scripts.ts";
import { carriedOut, faultsOfAnswer, faultsOfStep, type Step, stepsOf } from "./steps.ts";

/**
 * Agents of runs, and those they delegate to, that do whatever they are told: with the tools of their definitions and with all
 * others, for people of different rights, while no approval stands in between. What they did is found out from outside: their
 * steps against the definitions' files, rows, files, the provider's objects and the audit trail before and after.
 */
export async function attackByAgentsOfRuns(arena: Arena, effort: Effort, labels?: readonly string[]): Promise<Report> {
  const scene = await setRunScene(arena, labels);
  try {
    return await attack(arena, scene, effort);
  } finally {
    await scene.close();
  }
}

async function attack(arena: Arena, scene: RunScene, { seed, rounds }: Effort): Promise<Report> {
  const { sql, home, foreign } = scene;
  const definitions = readDefinitions();
  const organisationIds = [home.organisationId, foreign.organisationId];
  const before = {
    world: await readWorld(sql, organisationIds),
    files: await readFiles(arena, scene),
    provider: await readProvider(arena, sql, organisationIds),
  };
  const closed = `closed-${crypto.randomUUID()}`;
  const played = await playAll(arena, scene, { seed, rounds, definitions, closed });
  const roots = played.map(({ id }) => id);
  const steps = await stepsOf(scene, roots);
  const after = {
    world: await readWorld(sql, organisationIds),
    files: await readFiles(arena, scene),
    provider: await readProvider(arena, sql, organisationIds),
  };

  const sent = JSON.stringify(steps.map(({ args }) => args));
  const abroad = [...before.world.values()].filter(({ row }) => row["organisation_id"] === foreign.organisationId);
  const secretNames = new Set(
    namesIn(JSON.stringify(abroad), "id", "email", "path").filter((name) => !sent.includes(name)),
  );
  const violations: string[] = [];
  for (const step of steps) {
    const run = played.find(({ id }) => id === step.root_run_id) as Played;
    const definition = definitions.get(step.agent) as Definition;
    const faults = [
      ...faultsOfStep(scene, step, { definition, played: run, closed, secretNames }),
      ...(await faultsOfAnswer(arena, step, run)),
    ];
    for (const fault of faults)
      violations.push(
        `${step.tool_name} of ${step.agent} for ${run.starter.label} ${fault}; with ${JSON.stringify(step.args).slice(0, 300)}: ${step.status} ${(step.result ?? "").slice(0, 300)}`,
      );
  }
  const missing = played.flatMap((run) => neverMade(run, steps));
  const rows = await faultsOfRows(scene, { before: before.world, after: after.world, played, definitions, steps });
  const files = await faultsOfFiles(arena, scene, { before: before.files, after: after.files, roots });
  const provider = await faultsAtProvider(sql, {
    before: before.provider,
    after: after.provider,
    home: home.organisationId,
  });
  const hits = scene.collector.hits.map((path) => `something was sent out: ${path}`);
  const got = scene.league.got.map((what) => `a server used the token it was shown: ${what}`);
  const { status: refused } = await scene.onlooker.send("POST", "/runs", {
    task: "Do it.",
    agent: "obedient",
    ou: scene.own,
  });
  if (refused !== 403) violations.push(`somebody who may start no run is answered ${refused}`);
  violations.push(...missing, ...rows.faults, ...files, ...provider.faults, ...hits, ...got);

  const isLegitimate = (step: Step) =>
    played.some(
      ({ id, legitimate, revoked }) =>
        id === step.root_run_id &&
        legitimate.has(legitimateKey(step.agent, step.tool_name, step.args)) &&
        (revoked === undefined || (step.completed_at ?? revoked.to) < revoked.from),
    );
  const isListed = ({ agent, tool_name, args }: Step) => listsOf(definitions, agent, tool_name, args);
  const tally = (what: string, of: readonly Step[]) => ({
    what,
    tried: of.length,
    outcome: countOf(of.map(outcomeOf)),
  });
  const others = steps.filter((step) => !isLegitimate(step));
  return {
    tallies: [
      {
        what: "runs whose agents obey, by who started them",
        tried: played.length,
        outcome: countOf(played.map(({ starter }) => starter.label)),
      },
      tally(
        "calls of tools that the definition does not list",
        others.filter((step) => !isListed(step)),
      ),
      tally("calls of its own tools with whatever it comes across", others.filter(isListed)),
      tally("calls within its rights, among them and after them", steps.filter(isLegitimate)),
      {
        what: "operations of the control plane, held against bindings, definitions and rows",
        tried: rows.effects,
        outcome: `rows and entries beside them ${rows.faults.length}`,
      },
      {
        what: "files beside the workspaces, and things at the provider, before and after",
        tried: after.files.size + after.provider.size,
        outcome: `beside what the rows say ${files.length + provider.faults.length}`,
      },
      {
        what: "requests of a server in league, with the token of the call",
        tried: scene.league.tried,
        outcome: `answered with success ${got.length}`,
      },
    ],
    violations,
  };
}

const outcomeOf = (step: Step) =>
  !carriedOut(step) ? "refused" : step.status === "success" ? "done" : "answered with an error";

function listsOf(
  definitions: ReadonlyMap<string, Definition>,
  agent: string,
  tool: string,
  args: Readonly<Record<string, unknown>>,
): boolean {
  return lists(definitions.get(agent) as Definition, tool, args);
}

/** A run that was ended early has shown nothing about the calls that it did not come to. */
function neverMade({ id, agent, status, reason, revoked, legitimate }: Played, steps: readonly Step[]): string[] {
  if (revoked !== undefined) return [];
  const made = new Set(
    steps.filter((step) => step.root_run_id === id).map((step) => legitimateKey(step.agent, step.tool_name, step.args)),
  );
  const missing = [...legitimate].filter((key) => !made.has(key));
  return status === "completed" && missing.length === 0
    ? []
    : [
        `run ${id} of ${agent} is ${status} (${JSON.stringify(reason)}), and did not come to: ${missing.join("; ").slice(0, 500)}`,
      ];
}
