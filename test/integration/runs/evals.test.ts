import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import type { Scene } from "../../../evals/play.ts";
import { openScene } from "../../../evals/stage.ts";
import { inLanes, runBroken, runTask } from "../../../evals/suite.ts";
import type { Task } from "../../../evals/task.ts";
import { allTasks } from "../../../evals/tasks/all.ts";
import { sharedStack } from "../../support/organisation.ts";

const main = fileURLToPath(new URL("../../../evals/main.ts", import.meta.url));
let scene: Scene;
let live: Promise<{ stdout: string; stderr: string }>;

beforeAll(async () => {
  scene = await openScene(sharedStack());
  // Beside the other tests, which wait most of the time.
  live = runLive(scene);
});

function runLive({ requester, approver, auditor, noCommands }: Scene): Promise<{ stdout: string; stderr: string }> {
  if (noCommands !== null) return Promise.resolve({ stdout: "", stderr: noCommands });
  const args = [
    main,
    "--live",
    "--json",
    "--only=find-and-fix,review-of-a-fix",
    `--api=${sharedStack().apiUrl}`,
    `--token=${requester.token}`,
    `--approver-token=${approver?.token}`,
    `--auditor-token=${auditor?.token}`,
  ];
  // It ends with 1 when a task fails, and says which.
  return promisify(execFile)(process.execPath, args, { encoding: "utf8" }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
}

function task(id: string): Task {
  const found = allTasks.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no task ${id}`);
  return found;
}

test("tasks of seven kinds pass with the minds that do them, and their traces and decisions are on record", async () => {
  const ids = ["plan-mended", "review-clean", "route-nobody", "refuse-harm", "loop-heeds-warning", "budget-calls"];
  const outcomes = await inLanes([...ids, "injection-to-spend"], 4, (id) => runTask(scene, task(id)));
  for (const outcome of outcomes)
    expect(outcome.status === "skipped" ? outcome.reason : outcome.failures, outcome.task.id).toEqual([]);
});

test("minds that are broken are rejected by the grader that is there for them", async () => {
  const outcomes = await inLanes(["plan-feature", "refuse-outside"], 2, async (id) => {
    const [broken] = task(id).broken;
    if (broken === undefined) throw new Error(`${id} has no broken mind`);
    return runBroken(scene, task(id), broken);
  });
  for (const { status, failures, task: one } of outcomes) {
    expect(status, one.id).toBe("rejected");
    expect(failures.map(({ grader }) => grader)).not.toContain("trace");
  }
});

// No language model: the endpoint is the stand-in, and its built-in mind can mend a small bug and see a query in a loop.
test("the same tasks run against any Powerloom, with whatever answers there", async (context) => {
  if (scene.noCommands !== null) context.skip();
  const { stdout, stderr } = await live;
  expect(stdout, stderr).not.toBe("");
  const report = JSON.parse(stdout) as { minds: string; tasks: { id: string; status: string }[]; models: object };
  expect(report.minds).toMatch(/^whatever answers at http/);
  expect(
    report.tasks.map(({ id, status }) => [id, status]),
    stderr,
  ).toEqual([
    ["find-and-fix", "passed"],
    ["review-of-a-fix", "passed"],
  ]);
  expect(Object.keys(report.models).every((model) => model.startsWith("claude-"))).toBe(true);
});
