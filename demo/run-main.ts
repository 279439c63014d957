import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { painter } from "../cli/paint.ts";
import { processShell, wantsColor } from "../cli/shell.ts";
import { startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { exitWhenParentGoes } from "../stack/parent.ts";
import { sandboxAvailability } from "../tools/sandbox/availability.ts";
import { openCast } from "./run/people.ts";
import { task } from "./run/perform.ts";
import { gistOf, runTests } from "./run/project-tests.ts";
import { drawProject, writeProject } from "./run/sample-project.ts";
import { openScreen } from "./run/screen.ts";
import { chapterLines } from "./run/show.ts";
import { tellRun } from "./run/story.ts";

const usage = `npm run demo:run -- [--seed N] [--kill]

One real run of agents on a real folder: find and fix the failing test.
  --seed N  the same project again; without it, one is drawn
  --kill    SIGKILL to the worker in the middle: the run goes on, and nothing happens twice

Exit codes: 0 as told, 1 not as told, 2 wrong usage, 3 commands cannot be sandboxed here`;

exitWhenParentGoes();
process.channel?.unref();
process.exitCode = await main();

async function main(): Promise<number> {
  const asked = readArguments();
  if (typeof asked === "string") {
    process.stdout.write(`${asked}\n`);
    return asked === usage ? 0 : 2;
  }
  const shell = processShell();
  const color = wantsColor(shell);
  const paint = painter(color);
  const screen = openScreen(process.stdout);
  const chapter = (title: string, ...about: string[]) => screen.say(...chapterLines(title, about, paint));
  const started = Date.now();
  const project = drawProject(asked.seed);
  screen.say(
    paint("bold", "Powerloom: a run of agents, from a failing test to a reviewed fix."),
    `Seed ${asked.seed} (again: npm run demo:run -- --seed ${asked.seed}${asked.kill ? " --kill" : ""})`,
    "",
    "A small project with one bug is written to a temporary folder, and its test is seen to fail. Then agents get the task",
    `"${task}": an orchestrator has a planner look and plan, an executor carry the plan out in a`,
    "sandbox, and a reviewer judge the change. What changes something waits for a second person. All of it is real and on",
    "this machine, except the language model: a stand-in answers, which sees what tools return and nothing else.",
    ...(asked.kill ? ["In the middle, the worker process is killed."] : []),
  );

  const sandbox = await sandboxAvailability();
  if (!sandbox.available) {
    screen.say(
      "",
      `${paint("red", "✗")} Commands cannot be run here, so tests cannot be run by agents either:`,
      `  ${sandbox.reason}`,
      "",
      "Nothing was started. Agents run commands in a sandbox without network, or not at all.",
    );
    return 3;
  }

  const directory = await mkdtemp(join(tmpdir(), "powerloom-demo-run-"));
  const closing: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true, maxRetries: 3 })];
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      for (const step of closing.toReversed()) await step();
    })();
    return closed;
  };
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    process.once(signal, () => void close().finally(() => process.exit(code)));
  try {
    const folder = await mkdtemp(join(directory, `${project.name}-`));
    await writeProject(project, folder);
    chapter(`The project ${project.name}`, `in ${folder}; its bug: ${project.bug}. That stands nowhere in it.`);
    for (const path of project.files.keys()) screen.say(`  ${path}`);
    screen.say("", `  ${paint("bold", project.source)}`);
    for (const line of (project.files.get(project.source) ?? "").trimEnd().split("\n")) screen.say(`    ${line}`);
    chapter("Its tests before, run here in the folder");
    const before = await runTests(folder);
    screen.say(...gistOf(before).map((line) => `  ${line}`));

    chapter("Starting PostgreSQL, Temporal, API, worker and the stand-in, on free ports");
    const stack = await startLocalStack({
      stateDirectory: join(directory, "state"),
      environment: withOwnParts(process.env),
      mode: "dev",
      anyPorts: true,
      color,
      without: ["mcp"],
      log: (line) => {
        // Building Temporal takes minutes the first time: that must be seen.
        const plain = stripVTControlCharacters(line);
        if (process.env["POWERLOOM_DEMO_LOG"] || /^powerloom\b.*temporal/i.test(plain)) screen.say(`  ${line}`);
      },
      // At the pace of somebody who reads along; people would not meet the limit either.
      extraEnvironment: { POWERLOOM_SIMULATOR_PACE_MS: "12", POWERLOOM_RATE_LIMIT: "100000" },
    });
    closing.push(() => stack.stop());
    const cast = await openCast(stack, "acme");
    screen.say(`  up after ${((Date.now() - started) / 1000).toFixed(1)} s`);
    const good = await tellRun({
      stack,
      cast,
      project,
      folder,
      before,
      supervisor: asked.kill ? stack.supervisor : null,
      screen,
      shell,
      paint,
      color,
      thinkMs: 1_500,
    });
    await close();
    const took = ((Date.now() - started) / 1000).toFixed(1);
    screen.say(
      "",
      good
        ? paint("green", `✓ As told, in ${took} s. Nothing is left running.`)
        : paint("red", "✗ Not as told: see above."),
    );
    return good ? 0 : 1;
  } catch (error) {
    screen.say("", `${paint("red", "✗")} ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await close();
  }
}

/** What was asked for, or what to say about it. */
function readArguments(): { seed: number; kill: boolean } | string {
  try {
    const { values } = parseArgs({
      options: { seed: { type: "string" }, kill: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help === true) return usage;
    const seed = values.seed === undefined ? randomInt(1_000_000) : Number(values.seed);
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) return `--seed takes a whole number\n\n${usage}`;
    return { seed, kill: values.kill === true };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${usage}`;
  }
}
