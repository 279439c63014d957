import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, openSync, statSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { type Capture, createCapture } from "./capture.ts";
import { groupText, inherited, passwdText, sandboxCommandLine } from "./command-line.ts";
import { inheritable } from "./descriptors.ts";
import type { SandboxLimits } from "./limits.ts";
import { treeUsage } from "./process-tree.ts";
import type { SandboxPrograms } from "./programs.ts";
import { type SandboxArch, seccompFilter } from "./seccomp.ts";

export interface SandboxRun {
  programs: SandboxPrograms;
  workspace: string;
  command: string;
  limits: SandboxLimits;
  signal?: AbortSignal | undefined;
}

/** The shape that execute_command returns. */
export interface CommandResult {
  /** 124 when time ran out, 137 when another limit was passed, 128 + n for signal n; else the command's own. */
  exit_code: number;
  stdout: string;
  stderr: string;
  duration_ms: number;
  timed_out: boolean;
  truncated: boolean;
}

/** `failed`: the command never ran, and why, in the words of the program that gave up. */
export type SandboxRunOutcome = { status: "ran"; result: CommandResult } | { status: "failed"; reason: string };

type Stop = { because: "time" | "limit"; text: string };

/** Every limit but time is looked at this often. */
const watchMs = 50;
/** From killing the first process inside to giving up on a clean end. */
const patienceMs = 3_000;

/**
 * Runs one command inside, and returns when nothing of it is left.
 * @throws the signal's reason when it was aborted
 */
export async function runSandboxed(run: SandboxRun): Promise<SandboxRunOutcome> {
  run.signal?.throwIfAborted();
  const started = performance.now();
  const { child, status } = start(run);
  const stdout = createCapture(run.limits.outputBytes);
  const stderr = createCapture(run.limits.outputBytes);
  const stop = await watched(child, status, run, [stdout, stderr]);
  run.signal?.throwIfAborted();
  const exitCode = status.exitCode();
  const out = stdout.text();
  const err = stderr.text();
  if (exitCode === null && stop === null) return { status: "failed", reason: status.error() ?? err.text };
  const result: CommandResult = {
    exit_code: stop === null ? (exitCode ?? 1) : stop.because === "time" ? 124 : 137,
    stdout: out.text,
    stderr:
      stop === null ? err.text : `${err.text}${err.text.endsWith("\n") || err.text === "" ? "" : "\n"}${stop.text}\n`,
    duration_ms: Math.round(performance.now() - started),
    timed_out: stop?.because === "time",
    truncated: out.truncated || err.truncated,
  };
  return { status: "ran", result };
}

/** What bwrap reports as JSON documents: the process id of the first process inside, at the end the exit code. */
interface Status {
  firstProcess(): number | null;
  exitCode(): number | null;
  error(): string | null;
}

function start({ programs, workspace, command, limits }: SandboxRun): { child: ChildProcess; status: Status } {
  const { uid, gid } = statSync(workspace);
  const [program, ...args] = sandboxCommandLine({
    programs,
    workspace,
    owner: { uid, gid },
    command,
    limits,
    node: process.execPath,
    asRoot: process.getuid?.() === 0,
  });
  const child = withNothing((nothing) =>
    spawn(program, args, {
      cwd: "/",
      // bwrap clears it inside; its own is empty as well, because /proc shows it.
      env: {},
      stdio: descriptors(nothing),
    }),
  );
  let report = "";
  let error: string | null = null;
  child.on("error", ({ message }) => {
    error = message;
  });
  feed(child, inherited.passwd, passwdText);
  feed(child, inherited.group, groupText);
  feed(child, inherited.seccomp, seccompFilter(process.arch as SandboxArch));
  const reports = streamOf(child, inherited.status) as Readable | null | undefined;
  reports?.on("data", (chunk: Buffer) => {
    report += chunk.toString("utf8");
  });
  const found = (member: string): number | null => {
    const value = new RegExp(`"${member}":\\s*(\\d+)`).exec(report)?.[1];
    return value === undefined ? null : Number(value);
  };
  return {
    child,
    status: { firstProcess: () => found("child-pid"), exitCode: () => found("exit-code"), error: () => error },
  };
}

/** Those that bwrap uses; any other that would be inherited is replaced by /dev/null. */
function descriptors(nothing: number): StdioOptions {
  const used: ("ignore" | "pipe" | number)[] = ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe"];
  for (const descriptor of inheritable().filter((one) => one >= used.length)) {
    while (used.length < descriptor) used.push("ignore");
    used.push(nothing);
  }
  return used;
}

function withNothing<Result>(use: (nothing: number) => Result): Result {
  const nothing = openSync("/dev/null", "r");
  try {
    return use(nothing);
  } finally {
    closeSync(nothing);
  }
}

function feed(child: ChildProcess, descriptor: number, data: string | Buffer): void {
  const pipe = streamOf(child, descriptor) as Writable | null | undefined;
  // It may end before it has read all; then its exit says more than a broken pipe.
  pipe?.on("error", () => undefined);
  pipe?.end(data);
}

/** Node's types know five streams; there are as many as were asked for. */
const streamOf = (child: ChildProcess, descriptor: number) => (child.stdio as readonly unknown[])[descriptor];

/** Resolves when the command has ended and all its output is read; with the reason when it was stopped. */
function watched(child: ChildProcess, status: Status, run: SandboxRun, captures: Capture[]): Promise<Stop | null> {
  const { limits, signal } = run;
  return new Promise((resolve) => {
    let stopped: Stop | null = null;
    const stop = (because: Stop["because"], text: string) => {
      stopped ??= { because, text: `sandbox: stopped: ${text}` };
      clearInterval(watch);
      kill(child, status);
    };
    const seconds = limits.wallSeconds;
    const timer = setTimeout(() => stop("time", `it did not end within ${seconds} s`), seconds * 1_000);
    const watch = setInterval(() => {
      const fault = passed(status, limits);
      if (fault !== null) stop("limit", fault);
    }, watchMs);
    const abort = () => stop("limit", "the run was cancelled");
    signal?.addEventListener("abort", abort, { once: true });
    for (const [index, stream] of [child.stdout, child.stderr].entries())
      stream?.on("data", (chunk: Buffer) => {
        captures[index]?.add(chunk);
        const said = captures.reduce((sum, capture) => sum + capture.seen(), 0);
        if (said > limits.talkBytes && stopped === null)
          stop("limit", `it wrote more than ${limits.talkBytes} bytes of output`);
      });
    const done = () => {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener("abort", abort);
      resolve(stopped);
    };
    child.once("close", done);
    // A program that cannot be started has no streams to close.
    child.once("error", () => {
      if (child.pid === undefined) done();
    });
  });
}

function passed(status: Status, limits: SandboxLimits): string | null {
  const pid = status.firstProcess();
  if (pid === null) return null;
  const usage = treeUsage(pid, performance.now());
  if (usage.memoryBytes > limits.memoryBytes)
    return `its processes use more than ${limits.memoryBytes} bytes of memory`;
  if (usage.cpuSeconds > limits.cpuSeconds) return `it used more than ${limits.cpuSeconds} s of processor time`;
  if (usage.diskBytes > limits.diskBytes) return `it wrote more than ${limits.diskBytes} bytes to disk`;
  if (usage.processes > limits.processes) return `it has more than ${limits.processes} processes`;
  return null;
}

/**
 * The end of the first process inside ends its whole process namespace; bwrap outside then reports and ends itself. While
 * it is not known yet, bwrap is left alone: killed between making the process and letting it go, it would leave it behind.
 */
function kill(child: ChildProcess, status: Status): void {
  const attempt = setInterval(() => {
    const first = status.firstProcess();
    if (first !== null && child.exitCode === null && child.signalCode === null) signalProcess(first);
  }, 10);
  const giveUp = setTimeout(() => {
    child.kill("SIGKILL");
    for (const stream of child.stdio as readonly (Readable | Writable | null | undefined)[]) stream?.destroy();
  }, patienceMs);
  child.once("close", () => {
    clearInterval(attempt);
    clearTimeout(giveUp);
  });
}

function signalProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
