import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import type { z } from "zod";
import type { runView } from "../../contracts/runs.ts";
import { print } from "../answer.ts";
import type { ApiClient } from "../api-client.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes, usageFailure } from "../failure.ts";
import { painter } from "../paint.ts";
import { oneLine } from "../printable.ts";
import { budgetFrom } from "../run/budget.ts";
import { collectFolder, type Folder } from "../run/folder.ts";
import { fileLines, leftOutLines, outcomeLines, writtenLines } from "../run/outcome.ts";
import { type RunDetail, watchRun } from "../run/watch.ts";
import { type RunFile, writeBack } from "../run/write-back.ts";
import { type Shell, wantsColor } from "../shell.ts";

type Run = z.infer<typeof runView>;

interface RunOptions extends GlobalOptions {
  budget?: string[];
  calls?: string;
  minutes?: string;
  agent?: string;
  ou?: string;
  model?: string[];
  folder?: string;
  writeBack?: boolean;
  watch?: boolean;
}

const examples = [
  'run "Find out why the tests fail" --folder . --budget 50k',
  "run \"Add a health check to the server\" --folder ./server --write-back --budget '$1.50' --minutes 10",
  'run "Review api.ts" --folder . --model reviewer=claude-opus-5-5 --json > run.jsonl',
];

/** `run "task"`: a run of agents, as it happens, and what it has made of a folder. */
export function addRun(program: Command, shell: Shell): void {
  const collected = (text: string, before: string[] = []) => [...before, text];
  const command = addGlobalOptions(program.command("run"))
    .description("Give a task to agents under a budget, and watch them work on it")
    .argument("<task>", "What is to be done, in plain words")
    .addOption(
      new Option(
        "--budget <amount>",
        "tokens (50k, 2M) or dollars ('$1.50', quoted); both may be given (default: 200k)",
      ).argParser(collected),
    )
    .addOption(new Option("--calls <integer>", "at most so many calls of a model"))
    .addOption(new Option("--minutes <number>", "at most this long"))
    .addOption(new Option("--agent <name>", "which agent definition begins (default: orchestrator)"))
    .addOption(new Option("--ou <path>", "where it runs and whose budget it uses (default: your home OU)"))
    .addOption(new Option("--model <role=model>", "another model for a role; may be repeated").argParser(collected))
    .addOption(new Option("--folder <dir>", "what the workspace begins with: its files, at most 1 MB in all"))
    .addOption(new Option("--write-back", "write what a completed run has added or changed into that folder"))
    .addOption(new Option("--watch", "show it as it goes (default on a terminal)"))
    .addOption(new Option("--no-watch", "only start it"))
    .addHelpText(
      "after",
      `${exampleText(examples)}

Ctrl-C asks for the run to be cancelled; a second one leaves it to itself. A file of yours that is no longer what was
sent is not overwritten: what the run made of it is written beside it as <name>.run. With --json each event is printed
as one line, and the run as the last.`,
    );
  command.action(async (task: string) => {
    const options = command.optsWithGlobals<RunOptions>();
    const watch = options.watch ?? (shell.stdout.isTTY === true || options.writeBack === true);
    if (task.trim() === "") throw usageFailure("the task is empty");
    if (options.writeBack === true && options.folder === undefined)
      throw usageFailure("--write-back needs --folder: the files go where they came from");
    if (options.writeBack === true && !watch)
      throw usageFailure("--write-back has to wait for the run's end: it cannot be with --no-watch");
    const asked = bodyOf(task, options);
    const api = await connect(shell, options);
    const folder = options.folder === undefined ? undefined : await upload(shell, options, options.folder, asked);
    const run = await start(api, folder === undefined ? asked : { ...asked, files: folder.files });
    if (!watch) {
      print(shell, options.json, run, () => [
        `Run ${run.id} (${oneLine(run.agent)}) is ${run.status}. Look at it: powerloom runs get ${run.id}`,
      ]);
      throw new Exit(exitOf(run.status));
    }
    if (options.json !== true) shell.stderr.write(`Run ${run.id}\n`);
    const watched = await watchRun(shell, api, run, options.json === true);
    if (watched.status === "left") {
      if (options.json !== true) shell.stderr.write(`The run is left to itself: powerloom runs get ${run.id}\n`);
      throw new Exit(exitCodes.notYet);
    }
    await conclude(shell, api, watched.run, options, folder);
    if (watched.run.status !== "completed") throw new Exit(exitOf(watched.run.status));
  });
}

function bodyOf(task: string, { agent, ou, model, ...limits }: RunOptions): Record<string, unknown> {
  const budget = budgetFrom(limits);
  const models = (model ?? []).map((text) => {
    const [, role = "", name = ""] = /^([a-z0-9-]+)=(.+)$/.exec(text) ?? [];
    if (role === "") throw usageFailure(`--model takes <role>=<model>, such as planner=claude-opus-5-5, not '${text}'`);
    return [role, name] as const;
  });
  return {
    task,
    ...(agent === undefined ? {} : { agent }),
    ...(ou === undefined ? {} : { ou }),
    ...(budget === undefined ? {} : { budget }),
    ...(models.length === 0 ? {} : { models: Object.fromEntries(models) }),
  };
}

async function upload(shell: Shell, { json }: RunOptions, directory: string, asked: unknown): Promise<Folder> {
  const folder = await collectFolder(directory, Buffer.byteLength(JSON.stringify(asked)));
  if (json === true && folder.leftOut.length === 0) return folder;
  const paint = painter(wantsColor(shell, shell.stderr));
  const count = folder.files.length;
  const lines = [
    `${count} file${count === 1 ? "" : "s"} of ${oneLine(directory)} go with it`,
    ...leftOutLines(folder.leftOut, paint),
  ];
  shell.stderr.write(`${lines.join("\n")}\n`);
  return folder;
}

async function start(api: ApiClient, body: unknown): Promise<Run> {
  const headers = { "idempotency-key": randomUUID() };
  return (await api.send({ method: "POST", path: "/runs", body, headers, timeoutMs: 60_000 })).body as Run;
}

/** Says how it ended and brings the files home. */
async function conclude(
  shell: Shell,
  api: ApiClient,
  run: RunDetail,
  { json, folder: named, writeBack: wanted }: RunOptions,
  folder: Folder | undefined,
): Promise<void> {
  const say = (lines: readonly string[]) => {
    if (lines.length > 0) (json === true ? shell.stderr : shell.stdout).write(`${lines.join("\n")}\n`);
  };
  const paint = painter(wantsColor(shell, json === true ? shell.stderr : shell.stdout));
  if (json === true) shell.stdout.write(`${JSON.stringify(run)}\n`);
  else say(outcomeLines(run, paint));
  if (json === true && wanted !== true) return;
  const { data: files } = await api.get<{ data: RunFile[] }>(`/runs/${run.id}/files`);
  if (json !== true) say(fileLines(files, paint));
  if (wanted !== true || folder === undefined) return;
  if (run.status === "completed")
    say(writtenLines(await writeBack(folder.root, files, folder.sent), named ?? folder.root, paint));
  else if (files.some(({ content }) => content !== null))
    say([
      `Nothing was written back, because the run is ${run.status}. The files: powerloom runs files ${run.id} --json`,
    ]);
}

function exitOf(status: Run["status"]) {
  if (status === "completed") return exitCodes.ok;
  return ["failed", "stopped", "cancelled"].includes(status) ? exitCodes.failed : exitCodes.notYet;
}
