import { readdirSync, readFileSync } from "node:fs";
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
import { beforeAll, describe, expect, test } from "vitest";
import { latestRunEdition } from "../../core/runs/edition.ts";
import { cacheFolder } from "../../stack/cache-folder.ts";
import { workflowBundle } from "../../temporal/workflow-bundle.ts";
import * as workflows from "../../workflows/index.ts";

interface History {
  events: {
    workflowExecutionStartedEventAttributes?: {
      workflowType?: { name?: string };
      workflowId?: string;
      originalExecutionRunId?: string;
      input?: { payloads?: { data?: string }[] };
    };
  }[];
}

const folder = new URL("../histories/", import.meta.url);
const recordings = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const history = JSON.parse(text) as History;
    const started = history.events[0]?.workflowExecutionStartedEventAttributes;
    const workflowId = started?.workflowId ?? "";
    const runId = started?.originalExecutionRunId ?? "";
    return { file, text, history, type: started?.workflowType?.name ?? "", workflowId, runId };
  });

/** What became of each recording, by its run id. */
let replayed: Map<string, Error | undefined>;

beforeAll(async () => {
  // The deliberately incompatible replays would fill the output with warnings that alarm.
  Runtime.install({
    logger: new DefaultLogger("ERROR", () => undefined),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }) } },
  });
  replayed = await replay(recordings, { codePath: await workflowBundle(cacheFolder(process.env)) });
}, 60_000);

/** Replays all in one worker: the bundle is compiled once. */
async function replay(
  recorded: typeof recordings,
  workflowBundle: WorkflowBundleOption,
): Promise<Map<string, Error | undefined>> {
  const results = new Map<string, Error | undefined>();
  for await (const { runId, error } of Worker.runReplayHistories({ workflowBundle }, recorded))
    results.set(runId, error);
  return results;
}

describe("recorded histories", () => {
  test.each(recordings)("today's code goes the recorded way: $file", ({ runId }) => {
    expect([...replayed].filter(([id]) => id === runId)).toEqual([[runId, undefined]]);
  });

  test("each has a run id of its own", () => {
    expect(new Set(recordings.map(({ runId }) => runId)).size).toBe(recordings.length);
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
    const results = await replay(recorded, { code });
    for (const { file, runId } of recorded) expect(results.get(runId), file).toBeInstanceOf(DeterminismViolationError);
  }, 60_000);

  test("a run of an edition that this worker does not know yet is left to a newer one, and does not fail", async () => {
    const found = recordings.find(({ file }) => file === "agent-run-4-reviewer.json");
    const history = JSON.parse(found?.text ?? "") as History;
    const [order] = history.events[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const given = JSON.parse(Buffer.from(order?.data ?? "", "base64").toString("utf8")) as Record<string, unknown>;
    expect(given).toMatchObject({ edition: latestRunEdition });
    if (order !== undefined)
      order.data = Buffer.from(JSON.stringify({ ...given, edition: latestRunEdition + 1 })).toString("base64");
    const later = found === undefined ? [] : [{ ...found, history }];
    const codePath = await workflowBundle(cacheFolder(process.env));
    const [outcome] = [...(await replay(later, { codePath })).values()];
    // Of the task: a failure of the run would have been a command, and another command than the recorded one.
    expect(outcome?.message).toContain("this run is of edition 2, and this worker knows 1");
  });

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
