import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { WorkflowHandle } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workflowIds } from "../../core/ids.ts";
import { type Person, personWith } from "../../demo/api.ts";
import { freePort } from "../../stack/ports.ts";
import { isAlive } from "../../stack/running.ts";
import { connectTemporal } from "../../temporal/connect.ts";
import { openStage, type Stage } from "../durability/stage.ts";
import { agentsDirectory } from "../support/global-setup.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../support/organisation.ts";
import { armMind, decideNext, ended, runWhen, type Said } from "../support/runs.ts";
import { invoke, makeAgent, sessionIn } from "../support/sessions.ts";

// A version with other workflow code comes while runs, requests and sessions of the former one wait.

const root = fileURLToPath(new URL("../../", import.meta.url));
let next: string;
let stage: Stage;
let organisation: TestOrganisation;
let bob: Person;
let eve: Person;
let temporal: Awaited<ReturnType<typeof connectTemporal>>;

/**
 * The next version: runs of its edition wait a moment when they begin, and every request and session does so too, whenever
 * it began. Where that may not be, a worker that goes on with the former's work would find another history than its own.
 */
const changes: Record<string, [string, string][]> = {
  "core/runs/edition.ts": [["latestRunEdition = 1", "latestRunEdition = 2"]],
  "workflows/run/edition.ts": [['"time-alerts": 1', '"time-alerts": 1, hesitates: 2']],
  "workflows/agent-run.ts": [
    [
      "      const { opened } = state;",
      '      if (goesBy("hesitates")) await sleep(10);\n      const { opened } = state;',
    ],
    ["  setHandler,\n", "  setHandler,\n  sleep,\n"],
  ],
  "workflows/provision.ts": [
    [
      "await awaitDecision(attention, state.expiresAt);",
      'await awaitDecision(attention, state.expiresAt);\n    if (patched("hesitates")) await sleep(10);',
    ],
    ["  setHandler,\n", "  patched,\n  setHandler,\n  sleep,\n"],
  ],
};

function writeNextVersion(): string {
  const copy = mkdtempSync(join(tmpdir(), "powerloom-next-"));
  cpSync(root, copy, {
    recursive: true,
    filter: (path) =>
      !/^(node_modules|\.git|\.powerloom.*|test|console)$/.test(relative(root, path).split("/")[0] ?? ""),
  });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const [file, replacements] of Object.entries(changes))
    for (const [former, later] of replacements) {
      const text = readFileSync(join(copy, file), "utf8");
      if (text.split(former).length !== 2) throw new Error(`${file} has ${former} not exactly once`);
      writeFileSync(join(copy, file), text.replace(former, later));
    }
  return copy;
}

interface Started {
  pid: number;
  url: string;
}

/** A part of one of both versions, beside the other's. */
async function start(name: "api" | "worker", from: string, label: string): Promise<Started> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await stage.stack.supervisor.start({
    name: label,
    command: process.execPath,
    args: [join(from, name === "api" ? "api/main.ts" : "worker.ts")],
    cwd: from,
    env: { ...stage.stack.environment, [`POWERLOOM_${name.toUpperCase()}_PORT`]: String(port) },
    ready: `${url}/readyz`,
    readyTimeoutMs: 60_000,
    restart: false,
    watchesParent: true,
  });
  const state = stage.stack.supervisor.state(label);
  if (state?.status !== "running" || state.pid === undefined) throw new Error(`${label} does not run`);
  return { pid: state.pid, url };
}

/** As a rollout ends a container: SIGTERM, and it may finish what it does. */
async function end({ pid }: Started): Promise<void> {
  process.kill(pid, "SIGTERM");
  await eventually(async () => (isAlive(pid) ? undefined : true), "it has ended", 30_000);
}

beforeAll(async () => {
  next = writeNextVersion();
  stage = await openStage({ without: ["mcp", "worker"], extraEnvironment: { POWERLOOM_AGENTS_DIR: agentsDirectory } });
  const { apiUrl, databaseUrl, temporalAddress, temporalNamespace } = stage.stack;
  temporal = await connectTemporal({ address: temporalAddress, namespace: temporalNamespace });
  former = await start("worker", root, "worker-former");
  organisation = await makeOrganisation("upgraded", { apiUrl, databaseUrl });
  const { root: ou, admin } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "OrgAdmin", ou }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou }] });
  for (const name of ["governed", "runs", "rolling"]) await organisation.ou(`${ou}/${name}`);
  await admin.make("/approval-policies", { name: "agents-wait", ou: `${ou}/governed`, operations: ["agent.create"] });
});
afterAll(async () => {
  await temporal?.connection.close();
  await stage?.close();
  rmSync(next, { recursive: true, force: true });
});

let former: Started;
let later: Started;
let api: Started;
const done: Said = { output: { summary: "done" } };

async function writer(name: string, ou: string, delay_ms = 0, asker = bob): Promise<string> {
  const turns = [{ tool_uses: [{ name: "write_file", input: { path: "b.txt", content: name } }], delay_ms }, done];
  const models = await armMind(name, { gullible: { turns } }, stage.stack.simulatorUrl);
  const { id } = await asker.make<{ id: string }>("/runs", {
    task: "Write.",
    agent: "gullible",
    ou,
    models: { gullible: models["planner"] },
    budget: { tokens: 60_000 },
  });
  return id;
}

type HistoryEvents = NonNullable<Awaited<ReturnType<WorkflowHandle["fetchHistory"]>>["events"]>;

const historyOf = async (workflowId: string): Promise<HistoryEvents> =>
  (await temporal.workflow.getHandle(workflowId).fetchHistory()).events ?? [];

/** How often a run has waited as the next version's do. */
const hesitations = async (run: string) =>
  (await historyOf(workflowIds.agentRun(run))).filter(
    ({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout?.nanos === 10_000_000,
  ).length;

async function editionOf(run: string): Promise<number> {
  const [started] = await historyOf(workflowIds.agentRun(run));
  const data = started?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data ?? new Uint8Array();
  return (JSON.parse(Buffer.from(data).toString("utf8")) as { edition: number }).edition;
}

const messages = async (session: string) =>
  (await stage.witness.rows("select from session_events where session_id = $1 and type = 'agent.message'", [session]))
    .length;

const written = async (run: string) =>
  stage.witness.rows<{ status: string }>(
    "select status from agent_steps where run_id = $1 and tool_name = 'write_file'",
    [run],
  );

describe("the worker is replaced by one of the next version", () => {
  test("what waited for people, for a model or for nothing goes on, each once, by the rules it began with", async () => {
    const ou = organisation.root;
    const governed = `${ou}/governed`;
    const requested = await bob.send("POST", "/agents", { name: "waits", ou: governed });
    expect(requested.status).toBe(202);
    const { id: agentId } = await makeAgent(bob, { name: "talks", ou });
    const session = await invoke(bob, agentId);
    await sessionIn(bob, session, "idle");
    const asking = await writer("asks", `${ou}/runs`);
    await runWhen(bob, asking, ({ status }) => status === "waiting", "it asks");
    // Its worker goes while the model thinks.
    const thinking = await writer("thinks", `${ou}/rolling`, 6_000);
    await runWhen(bob, thinking, ({ steps }) => steps.some(({ status }) => status === "running"), "it is asked");

    await end(former);
    later = await start("worker", next, "worker-later");

    const { data } = await eve.get<{ data: { id: string; digest: string; ou: string; kind: string }[] }>(
      `/approvals?status=pending&ou=${encodeURIComponent(governed)}`,
    );
    expect(data).toHaveLength(1);
    await eve.make(`/approvals/${data[0]?.id}/votes`, { decision: "approve", digest: data[0]?.digest, reason: "yes" });
    const waits = await eventually(async () => {
      const { data: agents } = await bob.get<{ data: { name: string }[] }>(
        `/agents?ou=${encodeURIComponent(governed)}`,
      );
      return agents.length > 0 ? agents : undefined;
    }, "the approved agent is there");
    expect(waits.map(({ name }) => name)).toEqual(["waits"]);

    const before = await messages(session);
    expect((await bob.send("POST", `/sessions/${session}/messages`, { text: "And now?" })).status).toBe(202);
    await eventually(async () => ((await messages(session)) > before ? true : undefined), "it answers", 30_000);

    await decideNext(eve, "approve", `${ou}/runs`);
    expect((await ended(bob, asking, 60_000)).status).toBe("completed");
    await decideNext(eve, "approve", `${ou}/rolling`);
    expect((await ended(bob, thinking, 60_000)).status).toBe("completed");
    for (const run of [asking, thinking]) {
      expect(await hesitations(run)).toBe(0);
      expect(await written(run)).toEqual([{ status: "success" }]);
    }
    const calls = await stage.witness.rows<{ status: string }>(
      "select status from agent_steps where run_id = $1 and step_type = 'model_call' order by step_num",
      [thinking],
    );
    // Let finish before it went, or of unknown outcome and made once more: the answer to the first is not thrown away twice.
    expect(calls.filter(({ status }) => status === "success")).toHaveLength(2);
    expect(calls.length).toBeLessThanOrEqual(3);
  }, 180_000);

  test("runs that the former API starts go by the former rules, and those of the next by its own", async () => {
    const ou = `${organisation.root}/runs`;
    api = await start("api", next, "api-later");
    const across = personWith(api.url, bob.email, bob.token);
    const [old, young] = [await writer("old", ou), await writer("young", ou, 0, across)];
    for (let decided = 0; decided < 2; decided += 1) await decideNext(eve, "approve", ou);
    for (const run of [old, young]) expect((await ended(bob, run, 60_000)).status).toBe("completed");
    expect([await hesitations(old), await hesitations(young)]).toEqual([0, 1]);
  }, 180_000);

  test("while both versions of the worker run, a run of the next is left to the one that knows it, and does not fail", async () => {
    const ou = `${organisation.root}/rolling`;
    const across = personWith(api.url, bob.email, bob.token);
    const again = await start("worker", root, "worker-former-again");
    const runs = await Promise.all(
      Array.from({ length: 6 }, (_, index) => writer(`both-${index}`, ou, 0, index % 2 === 0 ? bob : across)),
    );
    for (let decided = 0; decided < runs.length; decided += 1) await decideNext(eve, "approve", ou);
    for (const run of runs) {
      expect((await ended(bob, run, 60_000)).status).toBe("completed");
      // Begun by an API, or by the sweep of a worker that came first.
      expect(await hesitations(run)).toBe((await editionOf(run)) - 1);
      expect(await written(run)).toEqual([{ status: "success" }]);
    }

    await end(later);
    const alone = await writer("alone", ou, 0, across);
    const refusals = await eventually(async () => {
      const failed = (await historyOf(workflowIds.agentRun(alone))).filter(
        (event) => event.workflowTaskFailedEventAttributes != null,
      );
      return failed.length > 0 ? failed : undefined;
    }, "the former worker has refused it");
    expect(refusals[0]?.workflowTaskFailedEventAttributes?.failure?.message).toContain("this run is of edition 2");
    expect((await bob.get<{ status: string }>(`/runs/${alone}`)).status).not.toBe("failed");
    await end(again);
    later = await start("worker", next, "worker-later-again");
    await decideNext(eve, "approve", ou);
    expect((await ended(bob, alone, 60_000)).status).toBe("completed");
  }, 180_000);
});
