import { setTimeout as sleep } from "node:timers/promises";
import { parentLinkVariable } from "./parent.ts";
import { type Running, runChild } from "./running.ts";
import { StackError } from "./stack-error.ts";
import type { Part } from "./supervisor.ts";

/** A part that is a process of its own. */
export interface ProcessPartOptions {
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** A promise that resolves when it is ready, or a URL that then answers with 2xx. Without it: ready once it runs. */
  ready?: (() => Promise<void>) | string;
  readyTimeoutMs?: number;
  restart?: boolean;
  stopTimeoutMs?: number;
  /** The child calls `exitWhenParentGoes`; otherwise it gets SIGTERM when the supervisor is gone. */
  watchesParent?: boolean;
}

/** Makes a part of a command: started with a parent link, ready when its probe says so. */
export function processPart(options: ProcessPartOptions): Part {
  const { name, restart } = options;
  return {
    name,
    ...(restart === undefined ? {} : { restart }),
    async start({ log, signal }) {
      const env = options.env ?? process.env;
      const running = await runChild({
        command: options.command,
        args: options.args,
        env: options.watchesParent ? { ...env, [parentLinkVariable]: "stdin" } : env,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        onLine: log,
        stopTimeoutMs: options.stopTimeoutMs ?? 10_000,
        withParent: options.watchesParent ? "later" : "now",
      });
      try {
        await untilReady(running, options, signal);
      } catch (error) {
        await running.stop();
        throw error;
      }
      return running;
    },
  };
}

async function untilReady(running: Running, options: ProcessPartOptions, signal: AbortSignal): Promise<void> {
  const { name, ready } = options;
  if (ready === undefined) return;
  const bound = options.readyTimeoutMs ?? 60_000;
  const over = new AbortController();
  const anyway = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([
      typeof ready === "string" ? answersWell(ready, anyway) : ready(),
      running.exited.then((reason) => {
        throw new StackError(`${name} stopped before it was ready (${reason}); its lines above say why`);
      }),
      sleep(bound, undefined, { signal: anyway }).then(() => {
        throw new StackError(`${name} was not ready after ${Math.round(bound / 1000)} s`);
      }),
    ]);
  } catch (error) {
    throw signal.aborted ? new StackError(`${name} was stopped while it started`) : error;
  } finally {
    over.abort();
  }
}

async function answersWell(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]) });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(100, undefined, { signal });
  }
}
