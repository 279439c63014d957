import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Person } from "../../demo/api.ts";
import type { Simulator } from "../../simulator/server.ts";
import { openStage, type Stage } from "../durability/stage.ts";
import { start as startSimulator } from "../simulator/harness.ts";
import { armFaults, armMind, mindCalls } from "../simulator/minds.ts";
import { makeOrganisation } from "../support/organisation.ts";
import { ended, planOf, type RunView } from "../support/runs.ts";

let stage: Stage;
let first: Simulator;
let second: Simulator;
let bob: Person;

beforeAll(async () => {
  [first, second] = [(await startSimulator()).simulator, (await startSimulator()).simulator];
  stage = await openStage({
    without: ["mcp"],
    extraEnvironment: {
      ANTHROPIC_BASE_URL: first.url,
      POWERLOOM_MODEL_FALLBACKS: `second=${second.url}`,
      POWERLOOM_MODEL_FALLBACK_KEYS: "second=local",
    },
  });
  const { apiUrl, databaseUrl } = stage.stack;
  const organisation = await makeOrganisation("endpoints", { apiUrl, databaseUrl });
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: organisation.root }] });
});
afterEach(async () => {
  for (const simulator of [first, second]) await fetch(`${simulator.url}/_control/faults`, { method: "DELETE" });
});
afterAll(async () => {
  await stage?.close();
  await Promise.all([first?.close(), second?.close()]);
});

interface Steps {
  steps: { type: string; endpoint: string | null; status: string; tokens: number; decision: unknown }[];
}

const hostOf = ({ url }: Simulator) => new URL(url).host;
const look = { text: "I look.", tool_uses: [{ name: "list_directory", input: { path: "." } }] };
const done = { output: planOf([{ step: 1, tool: "read_file", args: { path: "a.txt" } }]).plan };

/** Runs a planner against a mind of this name, which both endpoints have unless one is given to the first alone. */
async function run(name: string, ofFirst: Record<string, unknown>[] = [look, done]): Promise<RunView & Steps> {
  await armMind(first, { name: `mind-${name}`, script: { turns: ofFirst, afterwards: "last" } });
  await armMind(second, { name: `mind-${name}`, script: { turns: [look, done], afterwards: "last" } });
  const { id } = await bob.make<{ id: string }>("/runs", {
    task: "Look around.",
    agent: "planner",
    models: { planner: `mind-${name}` },
    budget: { tokens: 400_000 },
  });
  return (await ended(bob, id, 60_000)) as RunView & Steps;
}

const calls = async (name: string) =>
  Promise.all(
    [first, second].map(async (one) => (await mindCalls(one, `mind-${name}`)).map(({ answered }) => answered)),
  );
const modelSteps = ({ steps }: Steps) => steps.filter(({ type }) => type === "model_call");
const overloaded = { match: { path: "^/v1/messages$" }, kind: "529" };
/** Nothing is left alone any more: a new worker knows nothing. */
async function forgetFailures(): Promise<void> {
  await stage.kill("worker");
  await stage.again("worker");
}

test("a run is answered by the next endpoint while the first is down, pays once, and says who answered", async () => {
  await armFaults(first, { ...overloaded, times: 1_000 });
  const ran = await run("down");
  expect(ran).toMatchObject({ status: "completed" });
  expect(await calls("down")).toEqual([[], [true, true]]);
  const steps = modelSteps(ran);
  expect(steps.map(({ endpoint, status }) => [endpoint, status])).toEqual([
    [hostOf(second), "success"],
    [hostOf(second), "success"],
  ]);
  expect(steps[0]?.decision).toEqual({ passed_over: [{ endpoint: hostOf(first), why: "status 529" }] });
  expect(steps[1]?.decision).toBeNull();
  expect(ran.used).toMatchObject({ calls: 2, tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0) });
  const whole = await bob.get<{ runs: { steps: { step_type: string; endpoint: string }[] }[] }>(
    `/runs/${ran.id}/export`,
  );
  expect(whole.runs[0]?.steps.find(({ step_type }) => step_type === "model_call")?.endpoint).toBe(hostOf(second));
  const metrics = await (
    await fetch(`http://127.0.0.1:${stage.stack.environment["POWERLOOM_WORKER_PORT"]}/metrics`)
  ).text();
  const counted = (endpoint: string, outcome: string) =>
    metrics
      .split("\n")
      .find(
        (line) =>
          line.startsWith("powerloom_model_calls_total{") &&
          line.includes(`endpoint="${endpoint}"`) &&
          line.includes(`outcome="${outcome}"`),
      )
      ?.split(" ")
      .at(-1);
  expect([counted(hostOf(first), "passed_over"), counted(hostOf(second), "answered")]).toEqual(["1", "2"]);
});

test("with both down it waits and goes on, and nothing is charged for what was not answered", async () => {
  await forgetFailures();
  await armFaults(first, { ...overloaded, times: 1 });
  await armFaults(second, { ...overloaded, times: 1 });
  const ran = await run("both");
  expect(ran).toMatchObject({ status: "completed" });
  const [one = [], other = []] = await calls("both");
  expect([...one, ...other]).toEqual([true, true]);
  expect(ran.used).toMatchObject({
    calls: 2,
    tokens: modelSteps(ran).reduce((sum, { tokens }) => sum + tokens, 0),
  });
});

test("what the first refuses ends the run, and nobody else is asked", async () => {
  await forgetFailures();
  const ran = await run("refused", [{ status: 400, text: "that will not do" }]);
  expect(ran).toMatchObject({ status: "failed", reason: { rule: "provider" }, used: { calls: 0, tokens: 0 } });
  expect((await calls("refused"))[1]).toEqual([]);
  expect(modelSteps(ran)).toMatchObject([{ endpoint: hostOf(first), status: "failed" }]);
});

test("a stream that was cut counts in full and is repeated where it was, by the rule for unknown outcomes", async () => {
  await forgetFailures();
  await armFaults(first, { match: { path: "^/v1/messages$" }, kind: "cut_stream", after_events: 3, times: 1 });
  const ran = await run("cut");
  expect(ran).toMatchObject({ status: "completed" });
  expect(await calls("cut")).toEqual([[false, true, true], []]);
  const steps = modelSteps(ran);
  expect(steps.map(({ endpoint, status }) => [endpoint, status])).toEqual([
    [hostOf(first), "unknown"],
    [hostOf(first), "success"],
    [hostOf(first), "success"],
  ]);
  expect(ran.used.calls).toBe(3);
  expect(ran.used.tokens).toBeGreaterThan(steps.reduce((sum, { tokens }) => sum + tokens, 0));
});
