import { readFileSync, readlinkSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandLineOf, type Guard, isAlive, type Running, startGuard, waitUntilGone } from "./running.ts";
import { StackError } from "./stack-error.ts";

/** What is known about the server that should be running. */
export interface OrphanQuestion {
  dataDir: string;
  socketDir: string;
  /** The command and arguments that we would start. */
  commandLine: readonly string[];
  /** The adopted server is to end with this process. */
  endsWithParent: boolean;
  answers: () => Promise<boolean>;
  log: (line: string) => void;
}

/**
 * Looks at what a killed process left behind. A server that runs on this directory, was started as we would start it
 * and answers is adopted; one that does not answer or was started otherwise is ended; a stale pid file is removed,
 * because PostgreSQL refuses to start when its pid belongs to any living process.
 */
export async function adoptOrClear(question: OrphanQuestion): Promise<Running | undefined> {
  const { dataDir, socketDir, log } = question;
  const file = join(dataDir, "postmaster.pid");
  const pid = firstNumber(file);
  if (pid === undefined) return undefined;
  if (!isAlive(pid) || !isServerOf(pid, dataDir)) {
    for (const stale of [file, join(socketDir, ".s.PGSQL.5432.lock"), join(socketDir, ".s.PGSQL.5432")])
      rmSync(stale, { force: true });
    return undefined;
  }
  if (startedAs(dataDir) === commandText(question.commandLine)) {
    // It may still be recovering, or already be shutting down because its parent went.
    for (let attempt = 0; attempt < 20 && isAlive(pid); attempt += 1) {
      if (await question.answers()) {
        log(`adopted the PostgreSQL that was left running (process ${pid})`);
        return adopted(pid, question.endsWithParent ? startGuard(pid, "SIGINT", 0) : undefined);
      }
      await sleep(100);
    }
  }
  if (isAlive(pid)) {
    log(`ending the PostgreSQL that was left running (process ${pid})`);
    await end(pid);
  }
  return undefined;
}

function adopted(pid: number, guard: Guard | undefined): Running {
  let stopped = false;
  const exited = (async () => {
    while (isAlive(pid)) await sleep(stopped ? 20 : 250);
    guard?.disarm();
    return stopped ? "exit code 0" : "the adopted server is gone";
  })();
  return {
    pid,
    exited,
    async stop() {
      stopped = true;
      await end(pid);
      await exited;
    },
  };
}

async function end(pid: number): Promise<void> {
  for (const [signal, bound] of [
    ["SIGINT", 20_000],
    ["SIGQUIT", 5_000],
  ] as const) {
    if (!isAlive(pid)) return;
    try {
      process.kill(pid, signal);
    } catch {
      // Gone between the two calls, or not ours to signal: the bound decides.
    }
    if (await waitUntilGone(pid, bound)) return;
  }
  throw new StackError(`The PostgreSQL that was left running (process ${pid}) does not stop; end it by hand`);
}

/** Pids are reused: only a postgres whose working directory is this data directory is ours. */
function isServerOf(pid: number, dataDir: string): boolean {
  try {
    if (process.platform === "linux") return readlinkSync(`/proc/${pid}/cwd`) === dataDir;
    const command = commandLineOf(pid);
    return basename(command.split(" ")[0] ?? "") === "postgres" && command.includes(dataDir);
  } catch {
    return false;
  }
}

function startedAs(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, "postmaster.opts"), "utf8").trim();
  } catch {
    return "";
  }
}

/** The form in which the server writes postmaster.opts: the program bare, every argument quoted. */
function commandText([command, ...args]: readonly string[]): string {
  return [command, ...args.map((arg) => `"${arg}"`)].join(" ");
}

function firstNumber(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
