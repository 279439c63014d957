import { setTimeout as sleep } from "node:timers/promises";
import { createLogStream, type LogStreamOptions } from "./log-stream.ts";
import { type ProcessPartOptions, processPart } from "./process-part.ts";
import type { Running } from "./running.ts";
import { StackError } from "./stack-error.ts";

/** What a part gets when it is started. */
interface PartContext {
  /** Writes a line under the part's name. */
  log: (line: string) => void;
  /** Aborted when the whole is stopped while the part still starts. */
  signal: AbortSignal;
}

/** Anything that runs as long as the stack: a process, PostgreSQL, Temporal. `start` resolves when it is ready. */
export interface Part {
  readonly name: string;
  /** Start again when it ends by itself; default true. */
  readonly restart?: boolean;
  start(context: PartContext): Promise<Pick<Running, "exited" | "stop"> & { readonly pid?: number }>;
}

/** The state of a part, for a status line. */
type PartState =
  | { status: "starting" }
  | { status: "running"; pid: number | undefined; restarts: number }
  | { status: "waiting"; reason: string }
  | { status: "stopped" };

/** Supervises the parts of one stack. */
export interface Supervisor {
  /** Resolves when the part is ready; rejects when its first start fails, because a wrong setting will not heal. */
  start(part: Part | ProcessPartOptions): Promise<void>;
  /** Stops all parts, the last started first. May be called at any moment, more than once. */
  stop(): Promise<void>;
  /** Writes a line of the stack itself. */
  say(line: string): void;
  state(name: string): PartState | undefined;
  /** Resolves with the name of a part that ended and is not restarted (`restart: false`). */
  readonly ended: Promise<string>;
}

/** How a supervisor writes and how patient it is. */
export interface SupervisorOptions extends LogStreamOptions {
  /** Waits before the first, second, … restart in a row; the last one repeats. */
  backoffMs?: readonly number[];
  /** Running this long, a part counts as healthy and its next restart is quick again. */
  healthyAfterMs?: number;
}

type Alive = Awaited<ReturnType<Part["start"]>>;

/** Makes a supervisor. Lines of all parts go to `log`, each under its part's name. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const stream = createLogStream(options);
  const backoff = options.backoffMs ?? [200, 500, 1_000, 2_000, 5_000];
  const healthyAfterMs = options.healthyAfterMs ?? 30_000;
  const stopping = new AbortController();
  const parts: { name: string; stop: () => Promise<void> }[] = [];
  const states = new Map<string, PartState>();
  const ended = Promise.withResolvers<string>();
  let stopped: Promise<void> | undefined;

  const say = (line: string) => stream.line("powerloom", line);

  async function keep(part: Part, first: Alive, begin: () => Promise<Alive>, hold: (alive: Alive | undefined) => void) {
    let alive = first;
    let restarts = 0;
    let failures = 0;
    for (;;) {
      const since = performance.now();
      states.set(part.name, { status: "running", pid: alive.pid, restarts });
      let reason = await alive.exited;
      hold(undefined);
      if (performance.now() - since >= healthyAfterMs) failures = 0;
      for (let next: Alive | undefined; !next; ) {
        if (stopping.signal.aborted) return;
        if (part.restart === false) {
          say(`${part.name} ended (${reason})`);
          states.set(part.name, { status: "stopped" });
          ended.resolve(part.name);
          return;
        }
        const wait = backoff[Math.min(failures, backoff.length - 1)] ?? 1_000;
        failures += 1;
        restarts += 1;
        say(`${part.name} ended (${reason}); restart ${restarts} in ${wait / 1000} s`);
        states.set(part.name, { status: "waiting", reason });
        await sleep(wait, undefined, { signal: stopping.signal }).catch(() => {});
        if (stopping.signal.aborted) return;
        try {
          next = await begin();
          alive = next;
          say(`${part.name} runs again`);
        } catch (error) {
          reason = error instanceof Error ? error.message : String(error);
        }
      }
    }
  }

  async function start(given: Part | ProcessPartOptions): Promise<void> {
    const part = "start" in given ? given : processPart(given);
    if (stopping.signal.aborted) throw new StackError(`${part.name} is not started: the stack is stopping`);
    if (states.has(part.name)) throw new StackError(`There is a part named ${part.name} already`);
    states.set(part.name, { status: "starting" });
    const context: PartContext = { log: (line) => stream.line(part.name, line), signal: stopping.signal };
    let current: Alive | undefined;
    let beginning: Promise<unknown> = Promise.resolve();
    const hold = (alive: Alive | undefined) => {
      current = alive;
    };
    const begin = async () => {
      const attempt = part.start(context);
      beginning = attempt.then(hold, () => {});
      await beginning;
      return attempt;
    };
    let kept: Promise<void> = Promise.resolve();
    const entry = {
      name: part.name,
      async stop() {
        // A part that is just starting has heard the signal: it gives up, or comes up and is stopped then.
        await beginning;
        await current?.stop();
        await kept;
        states.set(part.name, { status: "stopped" });
      },
    };
    parts.push(entry);
    try {
      kept = keep(part, await begin(), begin, hold);
    } catch (error) {
      // Forgotten, so that the caller may try again.
      states.delete(part.name);
      parts.splice(parts.indexOf(entry), 1);
      throw error;
    }
  }

  async function stopAll(): Promise<void> {
    for (const part of parts.toReversed()) {
      // One that cannot be stopped must not keep the others running.
      await part.stop().catch((error: unknown) => say(`${part.name} did not stop: ${String(error)}`));
    }
  }

  return {
    start,
    say,
    state: (name) => states.get(name),
    ended: ended.promise,
    stop() {
      stopping.abort();
      stopped ??= stopAll();
      return stopped;
    },
  };
}
