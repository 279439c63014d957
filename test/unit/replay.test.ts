import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundleOption,
} from "@temporalio/worker";
import { DeterminismViolationError } from "@temporalio/workflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workflowBundle } from "../../temporal/workflow-bundle.ts";
import * as workflows from "../../workflows/index.ts";

interface History {
  events: { workflowExecutionStartedEventAttributes?: { workflowType?: { name?: string }; workflowId?: string } }[];
}

const folder = new URL("../histories/", import.meta.url);
const recordings = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const history = JSON.parse(text) as History;
    const started = history.events[0]?.workflowExecutionStartedEventAttributes;
    return { file, text, history, type: started?.workflowType?.name ?? "", workflowId: started?.workflowId ?? "" };
  });

let directory: string;
let bundle: WorkflowBundleOption;

beforeAll(async () => {
  // The deliberately incompatible replays would fill the output with warnings that alarm.
  Runtime.install({
    logger: new DefaultLogger("ERROR", () => undefined),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }) } },
  });
  directory = await mkdtemp(join(tmpdir(), "powerloom-replay-"));
  bundle = { codePath: await workflowBundle(directory) };
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const replay = ({ history, workflowId }: (typeof recordings)[number], workflowBundle: WorkflowBundleOption) =>
  Worker.runReplayHistory({ workflowBundle }, history, workflowId);

describe("recorded histories", () => {
  test.each(recordings)("today's code goes the recorded way: $file", async (recording) => {
    await expect(replay(recording, bundle)).resolves.toBeUndefined();
  });

  test("every workflow type has a recording", () => {
    expect(new Set(recordings.map(({ type }) => type))).toEqual(new Set(Object.keys(workflows)));
  });

  test("a change that runs something before what ran first is found out", async () => {
    const fixture = fileURLToPath(new URL("../fixtures/incompatible/index.ts", import.meta.url));
    const { code } = await bundleWorkflowCode({
      workflowsPath: fixture,
      logger: new DefaultLogger("ERROR", () => undefined),
    });
    const recorded = recordings.filter(({ type }) => type === "provision");
    expect(recorded.length).toBeGreaterThan(5);
    for (const recording of recorded)
      await expect(replay(recording, { code })).rejects.toThrow(DeterminismViolationError);
  }, 60_000);

  test.each(recordings)("$file holds references only", ({ history }) => {
    const words = textsOf(history).join("\n");
    expect(words.length).toBeGreaterThan(100);
    expect(words.match(/pl[cst]_[A-Za-z0-9_-]{8,}/g)).toBeNull();
    expect(words.match(/[\w.+-]+@[\w-]+\.[a-z][\w.-]*/gi)).toBeNull();
    expect(words).not.toMatch(/Set up|Create a code review|What agents|Hello|You are (?:the|an)|Let me check/);
  });
});

/** All texts of a history, payloads decoded. */
function textsOf(value: unknown, name = ""): string[] {
  if (typeof value === "string") {
    const text = name === "data" || name === "encoding" ? Buffer.from(value, "base64").toString("utf8") : value;
    // The name of the process that wrote an event is its own business.
    return name === "identity" ? [] : [text];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textsOf(inner, key));
}
