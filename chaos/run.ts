import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { diceOf } from "../demo/run/dice.ts";
import { startToolServer } from "../test/support/tool-server.ts";
import { Canaries, searchCanaries } from "./canaries.ts";
import { check } from "./checker/check.ts";
import { type Evidence, readTables } from "./checker/evidence.ts";
import { checkProvider, readProvider } from "./checker/provider.ts";
import type { Violation } from "./checker/record.ts";
import { checkStuck } from "./checker/stuck.ts";
import { openClientLog, readClientLog } from "./client-log.ts";
import { breakThings, type Faults } from "./faults/all.ts";
import type { SmallDisk } from "./faults/disk.ts";
import { builder, createAgent, type Member, pause, stranger } from "./fleet/agents.ts";
import { approver, requester } from "./fleet/approvals.ts";
import { type Asked, type Client, type Known, openClient } from "./fleet/client.ts";
import { invoke, makeMetaAgent, talker } from "./fleet/conversations.ts";
import { emailOf, foundOrganisation, people, registerServer } from "./fleet/organisation.ts";
import { flickering, rightsFlicker } from "./fleet/rights.ts";
import { armMind, runner } from "./fleet/runs.ts";
import type { FaultName } from "./options.ts";
import { bearerOf, probesOf } from "./probes.ts";
import { measureRecoveries } from "./recovery.ts";
import { type Part, partNames, type Stage } from "./stage.ts";

export interface Attack {
  seed: number;
  seconds: number;
  kills: number;
  faults: readonly FaultName[];
  /** Waits between two kills, milliseconds. */
  everyMs: readonly [number, number];
  /** How long a change may wait for approval. */
  approvalSeconds: number;
  clocks: Faults["clocks"];
  disk: SmallDisk | undefined;
  /** Secrets that the processes were started with, by name. */
  planted: Readonly<Record<string, string>>;
}

/** What one seeded run came to. */
export interface Outcome {
  seed: number;
  seconds: number;
  /** Of the machine at the end of the attack, and what it has to bear it. */
  load: number;
  cores: number;
  kills: Partial<Record<Part, number>>;
  /** Faults besides kills, by name. */
  faults: Record<string, number>;
  /** Operations that were asked for, by what is known of them. */
  operations: Record<string, number>;
  /** What there was to look at. */
  looked: Record<string, number>;
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
  const canaries = new Canaries();
  for (const [name, value] of Object.entries(options.planted)) canaries.add(name, value);
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
  const onSecret = (name: string, value: unknown) => canaries.add(name, value);
  const client = (email: string): Client =>
    openClient({ apiUrl: stage.stack.apiUrl, email, log, dice: dice(), twice: 15, onEnd, onSecret });
  const of = (name: string) => client(emailOf(name));

  const ledger = await startToolServer();
  const over = new AbortController();
  try {
    log.write({ kind: "given", email: stage.admin, role: "OrgAdmin", ou: stage.root });
    const admin = client(stage.admin);
    const places = await foundOrganisation(admin, stage.root, options.approvalSeconds);
    await registerServer(admin, stage.root, "ledger", "Ledger", ledger.url);
    const metaAgentId = await makeMetaAgent(admin, stage.root);
    if (!(await armMind(stage.stack.simulatorUrl))) throw new Error("the stand-in did not take the mind");
    const sessionId = await invoke(admin, metaAgentId, stage.root, "What agents exist?");
    const probeAgent = await createAgent(admin, stage.root, "probe");
    if (sessionId === undefined || typeof probeAgent.body["id"] !== "string") throw new Error("the stage is not set");
    canaries.add("a session's bearer", await untilGiven(() => bearerOf(stage, sessionId)));

    const members: Member[] = [
      ...people.builders.map((name) => builder(of(name), dice(), places.open)),
      ...people.requesters.map((name) => requester(of(name), dice(), places.guarded)),
      ...people.approvers.map((name) => approver(of(name), dice(), places.root)),
      ...people.flickering.map((name) => flickering(of(name), dice(), places.open[0] ?? places.root)),
      ...people.talkers.map((name) => talker(of(name), dice(), metaAgentId, places.root, places.open)),
      ...people.runners.map((name) => runner(of(name), dice(), places.budgeted)),
      stranger(of(people.stranger), dice(), [...places.open, places.guarded]),
      rightsFlicker(admin, dice(), people.flickering, places.open[0] ?? places.root),
    ];
    const recoveries = measureRecoveries(probesOf(stage, client(stage.admin), sessionId, probeAgent.body["id"]));
    const kills: Partial<Record<Part, number>> = {};
    const faults: Record<string, number> = {};
    say(`the attack begins: seed ${options.seed}, at most ${Math.round(options.seconds)} s`);
    const working = members.map((member) => member(over.signal));
    const timer = setTimeout(() => over.abort(), options.seconds * 1000);
    const armed = keepArmed(stage, over.signal);
    await breakThings(
      {
        stage,
        names: options.faults,
        dice,
        everyMs: options.everyMs,
        mostKills: options.kills,
        clocks: options.clocks,
        onPostgresClock: (wrongByMs) => log.write({ kind: "clock", wrongByMs }),
        disk: options.disk,
        onKill(part) {
          kills[part] = (kills[part] ?? 0) + 1;
          recoveries.watch(part);
        },
        onFault(name) {
          faults[name] = (faults[name] ?? 0) + 1;
        },
      },
      over.signal,
    );
    clearTimeout(timer);
    over.abort();
    const [load = 0] = loadavg();
    say("the attack is over; clients finish what they have begun");
    await Promise.all([...working, armed, recoveries.done()]);

    const calls = () => ledger.calls.map(({ text }) => text);
    const evidence = await settle(stage, () => readEvidence(stage, logFile, calls()), say);
    for (const bearer of ledger.bearers) canaries.add("a bearer of a tool call", bearer.replace(/^Bearer /, ""));
    const leaks = await searchCanaries(stage, canaries.all(), logFile, await admin.token());
    return {
      seed: options.seed,
      seconds: Math.round((performance.now() - started) / 1000),
      load,
      cores: availableParallelism(),
      kills,
      faults,
      operations,
      looked: {
        agents: evidence.agents.length,
        sessions: evidence.sessions.length,
        runs: evidence.runs.length,
        votes: evidence.votes.length,
        "audit entries": evidence.audit.length,
        "tool calls": evidence.toolCalls.length,
        secrets: canaries.all().length,
      },
      recoveries: Object.fromEntries(recoveries.samples),
      violations: [...recoveries.violations, ...check(evidence), ...leaks],
    };
  } finally {
    over.abort();
    await ledger.close();
  }
}

/** Everything the checker looks at, as it is now. */
export async function readEvidence(stage: Stage, logFile: string, toolCalls: string[]): Promise<Evidence> {
  const tables = await readTables(stage.database, stage.organisationId);
  return {
    ...tables,
    organisationId: stage.organisationId,
    log: readClientLog(logFile),
    provider: await readProvider(stage.stack.simulatorUrl),
    toolCalls,
  };
}

/** Waits until nothing is on its way any more, or until time is up: what is left then is stuck. */
async function settle(stage: Stage, read: () => Promise<Evidence>, say: (line: string) => void): Promise<Evidence> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    let why = "";
    const evidence = await read().catch((error: unknown) => {
      why = String(error);
      return undefined;
    });
    const away = partNames.filter((part) => !stage.runs(part));
    if (evidence !== undefined && away.length === 0) {
      const left = [...checkStuck(evidence), ...checkProvider(evidence)];
      if (left.length === 0 || performance.now() > deadline) return evidence;
      say(`${left.length} on their way, such as: ${left[0]?.what}`);
    }
    if (performance.now() > deadline + 60_000)
      throw new Error(
        `the stack could not be looked at after the attack: ${away.join(", ") || "no part"} away; ${why}`,
      );
    await sleep(2_000);
  }
}

/** A stand-in that was killed has forgotten its scripted minds. */
async function keepArmed({ stack }: Stage, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const url = `${stack.simulatorUrl}/_control/minds`;
    const known = await fetch(url, { signal: AbortSignal.timeout(2_000) })
      .then(async (answer) => ((await answer.json()) as { data: { name: string }[] }).data)
      .catch(() => undefined);
    if (known?.some(({ name }) => name === "mind-chaos") === false)
      await armMind(stack.simulatorUrl).catch(() => undefined);
    await pause(200, signal);
  }
}

async function untilGiven<Result>(read: () => Promise<Result>): Promise<Result> {
  for (let looks = 0; ; looks += 1) {
    try {
      return await read();
    } catch (error) {
      if (looks > 100) throw error;
      await sleep(200);
    }
  }
}
