import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { StackError } from "./stack-error.ts";

/** Something that runs and can be stopped: what the supervisor watches, whether a child of ours or an adopted server. */
export interface Running {
  readonly pid: number;
  /** Resolves with the reason, in words, once it runs no more; also after `stop`. Never rejects. */
  readonly exited: Promise<string>;
  /** Ends it and waits until it is gone. May be called twice. */
  stop(): Promise<void>;
}

/** A command to run as a child in its own process group. */
export interface ChildCommand {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  onLine: (line: string) => void;
  stopSignal?: "SIGTERM" | "SIGINT";
  stopTimeoutMs?: number;
  /** Also ends with this process: `now` = signalled at once, `later` = it watches its stdin itself and has 10 s. */
  withParent?: "now" | "later" | "no";
}

/**
 * Starts a child in its own session, so that Ctrl-C reaches only the supervisor, which then stops the parts in order.
 * Resolves when the process exists (not when it is ready); a command that cannot be run is a StackError.
 */
export async function runChild(options: ChildCommand): Promise<Running> {
  const stopSignal = options.stopSignal ?? "SIGTERM";
  const child = spawn(options.command, options.args, {
    env: options.env,
    detached: true,
    stdio: [options.withParent === "later" ? "pipe" : "ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const exited = watchExit(child);
  // A broken pipe on the parent link only says that the child closed its stdin.
  child.stdin?.on("error", () => {});
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on("line", options.onLine);
  }
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new StackError(`Cannot run ${options.command}: ${error.message}`)));
  });
  const pid = child.pid as number;
  const guard =
    options.withParent === "no" ? undefined : startGuard(pid, stopSignal, options.withParent === "later" ? 10 : 0);
  const gone = exited.then((reason) => {
    guard?.disarm();
    return reason;
  });
  return {
    pid,
    exited: gone,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill(stopSignal);
      const timer = setTimeout(() => killGroup(pid), options.stopTimeoutMs ?? 10_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

function watchExit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const closed = new Promise<void>((done) => child.once("close", () => done()));
    child.on("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => {
      // Whatever it started itself goes too; then its pipes close and the last lines have been read.
      if (child.pid) killGroup(child.pid);
      const reason = signal ? `signal ${signal}` : `exit code ${code ?? "unknown"}`;
      void Promise.race([closed, sleep(1_000, undefined, { ref: false })]).then(() => resolve(reason));
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}

/** Ends a process when this one is gone, until it is disarmed. */
export interface Guard {
  disarm(): void;
}

/**
 * A shell that waits on a pipe from this process and ends the child when the pipe closes: works for programs we did not
 * write, on every Unix, and when this process is killed with SIGKILL. (PR_SET_PDEATHSIG is Linux only.)
 */
export function startGuard(pid: number, signal: "SIGTERM" | "SIGINT", graceSeconds: number): Guard {
  const script = `
    gone() { n=$(( $1 * 5 )); while [ $n -gt 0 ]; do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.2; n=$((n - 1)); done; return 1; }
    pid=$1
    read -r _
    gone "$3" || { kill -s "$2" "$pid" 2>/dev/null; gone 10; }
    kill -s KILL -- "-$pid" 2>/dev/null`;
  const args = ["-c", script, "powerloom-guard", String(pid), signal.replace("SIG", ""), String(graceSeconds)];
  const guard = spawn("/bin/sh", args, { stdio: ["pipe", "ignore", "ignore"], detached: true });
  guard.on("error", () => {});
  guard.stdin.on("error", () => {});
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return { disarm: () => guard.kill("SIGKILL") };
}

/** Whether a process with this pid runs, ours or not. One that ended and whose parent has not looked yet runs no more. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  if (process.platform !== "linux") return true;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The command line of a process, as far as the system tells; empty when there is none. */
export function commandLineOf(pid: number): string {
  try {
    if (process.platform === "linux") return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}

/** Waits until the pid is gone; false when it is still there after the bound. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await sleep(25);
  }
  return true;
}
