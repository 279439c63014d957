import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { diceOf } from "../demo/run/dice.ts";
import { check } from "./checker/check.ts";
import { type Evidence, readTables } from "./checker/evidence.ts";
import { readProvider } from "./checker/provider.ts";
import type { Violation } from "./checker/record.ts";
import { checkStuck } from "./checker/stuck.ts";
import { openClientLog, readClientLog } from "./client-log.ts";
import { killParts } from "./faults/kills.ts";
import { builder, type Member, pause, stranger } from "./fleet/agents.ts";
import { approver, requester } from "./fleet/approvals.ts";
import { type Asked, type Client, type Known, openClient } from "./fleet/client.ts";
import { emailOf, foundOrganisation, people } from "./fleet/organisation.ts";
import { flickering, rightsFlicker } from "./fleet/rights.ts";
import { type FaultName, partsOf } from "./options.ts";
import { measureRecoveries } from "./recovery.ts";
import { type Part, partNames, type Stage } from "./stage.ts";

export interface Attack {
  seed: number;
  seconds: number;
  kills: number;
  faults: readonly FaultName[];
  /** Waits between two kills, milliseconds. */
  everyMs: readonly [number, number];
}

/** What one seeded run came to. */
export interface Outcome {
  seed: number;
  seconds: number;
  kills: Partial<Record<Part, number>>;
  /** Operations that were asked for, by what is known of them. */
  operations: Record<string, number>;
  /** Milliseconds from a kill to the first success of what needs the part. */
  recoveries: Partial<Record<Part, number[]>>;
  violations: Violation[];
}

/** How long everything may take to come to rest once nobody asks and nothing is broken any more. */
const settleMs = 120_000;

/** Attacks a stack under load, lets it come to rest, and compares what clients know with what is there. */
export async function attack(stage: Stage, options: Attack, say: (line: string) => void): Promise<Outcome> {
  const started = performance.now();
  const logFile = join(stage.directory, "clients.jsonl");
  const log = openClientLog(logFile);
  const operations: Record<string, number> = {};
  let stream = 0;
  // A stream of its own for each: what one draws does not depend on how fast another is.
  const dice = () => {
    stream += 1;
    return diceOf(options.seed * 1_000 + stream);
  };
  const onEnd = (_: Asked, { outcome }: Known) => {
    operations[outcome] = (operations[outcome] ?? 0) + 1;
  };
  const client = (email: string): Client =>
    openClient({ apiUrl: stage.stack.apiUrl, email, log, dice: dice(), twice: 15, onEnd });

  log.write({ kind: "given", email: stage.admin, role: "OrgAdmin", ou: stage.root });
  const admin = client(stage.admin);
  const places = await foundOrganisation(admin, stage.root);
  const over = new AbortController();
  const clients = new Map<string, Client>();
  const of = (name: string) => {
    const known = clients.get(name) ?? client(emailOf(name));
    clients.set(name, known);
    return known;
  };
  const members: Member[] = [
    ...people.builders.map((name) => builder(of(name), dice(), places.open)),
    ...people.requesters.map((name) => requester(of(name), dice(), places.guarded)),
    ...people.approvers.map((name) => approver(of(name), dice(), places.root)),
    ...people.flickering.map((name) => flickering(of(name), dice(), places.open[0] ?? places.root)),
    stranger(of(people.stranger), dice(), [...places.open, places.guarded]),
    rightsFlicker(admin, dice(), people.flickering, places.open[0] ?? places.root),
  ];

  const probe = client(stage.admin.replace("admin", "pia"));
  await admin.ask({
    operation: "user.create",
    method: "POST",
    path: "/users",
    body: { email: probe.email, display_name: "Pia Probe", home_ou: stage.root },
    ou: stage.root,
    marks: { email: probe.email },
  });
  const recoveries = measureRecoveries(await probesOf(stage, admin));
  const kills: Partial<Record<Part, number>> = {};
  say(`the attack begins: seed ${options.seed}, ${Math.round(options.seconds)} s`);
  const working = members.map((member) => member(over.signal));
  const timer = pause(options.seconds * 1000, over.signal).then(() => over.abort());
  await killParts(
    {
      stage,
      dice: dice(),
      parts: partsOf(options.faults),
      everyMs: options.everyMs,
      most: options.kills,
      onKill(part) {
        kills[part] = (kills[part] ?? 0) + 1;
        recoveries.watch(part);
      },
    },
    over.signal,
  );
  // Often enough killed: no need to go on.
  if (options.kills !== Number.POSITIVE_INFINITY) over.abort();
  await timer;
  say("the attack is over; clients finish what they have begun");
  await Promise.all(working);
  await recoveries.done();

  const evidence = await settle(stage, () => readEvidence(stage, logFile), say);
  const violations = [...recoveries.violations, ...check(evidence)];
  return {
    seed: options.seed,
    seconds: Math.round((performance.now() - started) / 1000),
    kills,
    operations,
    recoveries: Object.fromEntries(recoveries.samples),
    violations,
  };
}

export async function readEvidence(stage: Stage, logFile: string): Promise<Evidence> {
  const tables = await readTables(stage.database, stage.organisationId);
  return {
    ...tables,
    organisationId: stage.organisationId,
    log: readClientLog(logFile),
    provider: await readProvider(stage.stack.simulatorUrl),
    toolCalls: [],
  };
}

/** Waits until nothing is on its way any more, or until time is up: what is left then is stuck. */
async function settle(stage: Stage, read: () => Promise<Evidence>, say: (line: string) => void): Promise<Evidence> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const evidence = await read().catch(() => undefined);
    if (evidence !== undefined && partNames.every((part) => stage.runs(part))) {
      const stuck = checkStuck(evidence);
      if (stuck.length === 0 || performance.now() > deadline) return evidence;
      say(`${stuck.length} on their way, such as: ${stuck[0]?.what}`);
    }
    if (performance.now() > deadline + 60_000) throw new Error("the stack could not be looked at after the attack");
    await sleep(2_000);
  }
}

/** What needs each part, and nothing else that can be left out. */
async function probesOf(stage: Stage, admin: Client): Promise<Record<Part, () => Promise<boolean>>> {
  const { stack } = stage;
  const me = async () => (await fetch(`${stack.apiUrl}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  let groups = 0;
  const change = async () => {
    groups += 1;
    const name = `probe-${groups}`;
    const known = await admin.ask({
      operation: "group.create",
      method: "POST",
      path: "/groups",
      body: { name, ou: stage.root },
      ou: stage.root,
      marks: { name },
    });
    return known.outcome === "applied";
  };
  const answers = (url: string) => async () => (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  return {
    api: me,
    postgres: me,
    worker: change,
    temporal: change,
    mcp: answers(`${new URL(stack.mcpUrl).origin}/readyz`),
    simulator: answers(`${stack.simulatorUrl}/readyz`),
  };
}
