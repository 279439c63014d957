import { setTimeout as sleep } from "node:timers/promises";
import type { Paint } from "../../cli/paint.ts";
import { run as commandLine } from "../../cli/run.ts";
import type { Shell } from "../../cli/shell.ts";
import type { LocalStack } from "../../stack/local-stack.ts";
import type { Supervisor } from "../../stack/supervisor.ts";
import { attendApprovals } from "./approver.ts";
import { diceOf } from "./dice.ts";
import { type Killed, killWorker } from "./kill.ts";
import type { Cast } from "./people.ts";
import type { TestRun } from "./project-tests.ts";
import type { SampleProject } from "./sample-project.ts";
import type { Screen } from "./screen.ts";
import { chapterLines } from "./show.ts";

export const task = "Find and fix the failing test in this project";

export interface StoryOptions {
  stack: Pick<LocalStack, "apiUrl" | "simulatorUrl" | "temporalUiUrl" | "temporalNamespace">;
  cast: Cast;
  project: SampleProject;
  /** Where the project was written: the run's result is written back into it. */
  folder: string;
  /** Its tests, before. */
  before: TestRun;
  /** Of the stack's parts: when given, the worker is killed in the middle. */
  supervisor: Supervisor | null;
  screen: Screen;
  /** For the command line's own messages. */
  shell: Pick<Shell, "env" | "stdin" | "stderr">;
  paint: Paint;
  color: boolean;
  /** How long the approver thinks, milliseconds. */
  thinkMs: number;
}

export interface Ran {
  runId: string;
  exitCode: number;
  killed: Killed | undefined;
}

/** `powerloom run` itself, with somebody who approves, and with somebody who kills when that is wanted. */
export async function runIt(options: StoryOptions): Promise<Ran> {
  const { stack, cast, project, folder, screen, paint, shell, color } = options;
  const { requester, approver } = cast;
  const ui = `${stack.temporalUiUrl}/namespaces/${stack.temporalNamespace}/workflows`;
  const told = [`run`, task, "--folder", folder, "--write-back", "--watch"];
  const limits = ["--budget", "200k", "--budget", "$2", "--calls", "60", "--minutes", "10"];
  screen.say(
    ...chapterLines(
      "The run",
      [
        `${requester.email} (AgentBuilder) types: powerloom run "${task}" --folder ${folder} --write-back --watch ${limits.join(" ")}`,
        `${approver.email} (Approver) decides on whatever would change something or run a command.`,
        ...(stack.temporalUiUrl === "" ? [] : [`Each agent is a durable workflow. While it runs, look at it: ${ui}`]),
      ],
      paint,
    ),
  );
  const over = new AbortController();
  const approving = attendApprovals({
    approver,
    say: screen.say,
    paint,
    contentOf: (path) => project.files.get(path) ?? "",
    thinkMs: options.thinkMs,
    signal: over.signal,
  });
  const { supervisor } = options;
  const killing = supervisor === null ? undefined : killInTheMiddle(options, supervisor, over.signal);
  try {
    const exitCode = await commandLine([...told, ...limits], {
      env: {
        ...shell.env,
        ...(color ? {} : { NO_COLOR: "1" }),
        POWERLOOM_API_URL: stack.apiUrl,
        POWERLOOM_TOKEN: requester.token,
      },
      stdin: shell.stdin,
      stdout: screen.sink,
      stderr: shell.stderr,
      // Ctrl-C ends the whole demo.
      onInterrupt: () => () => undefined,
    });
    const runId = await newestRun(options, over.signal);
    if (runId === undefined) throw new Error("no run was started");
    return { runId, exitCode, killed: await killing };
  } finally {
    over.abort();
    await approving;
    await killing?.catch(() => undefined);
  }
}

async function killInTheMiddle(
  options: StoryOptions,
  supervisor: Supervisor,
  signal: AbortSignal,
): Promise<Killed | undefined> {
  const { cast, screen, paint } = options;
  const afterSteps = diceOf(options.project.seed ^ 0x6b696c6c).between(4, 20);
  const runId = await newestRun(options, signal);
  if (runId === undefined) return undefined;
  return killWorker(supervisor, cast.requester, runId, afterSteps, (line) =>
    screen.say(`${paint("red", "!")} ${paint("bold", line)}`, ""),
  );
}

/** The run that was asked for: the organisation is new, there is only this one. */
async function newestRun({ cast }: StoryOptions, signal: AbortSignal): Promise<string | undefined> {
  while (!signal.aborted) {
    const { data } = await cast.requester.get<{ data: { id: string }[] }>("/runs?limit=1");
    if (data[0] !== undefined) return data[0].id;
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
