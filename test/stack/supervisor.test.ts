import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../../stack/ports.ts";
import { isAlive } from "../../stack/running.ts";
import { createSupervisor, type Part, type Supervisor } from "../../stack/supervisor.ts";
import { eventually, hostProgram, scratch } from "./programs.ts";

let lines: string[] = [];
let supervisor: Supervisor;

function make(options: { backoffMs?: number[]; healthyAfterMs?: number } = {}): Supervisor {
  lines = [];
  supervisor = createSupervisor({ log: (line) => lines.push(line), color: false, backoffMs: [20, 40], ...options });
  return supervisor;
}

afterEach(() => supervisor.stop());

function pidOf(name: string): number {
  const state = supervisor.state(name);
  if (state?.status !== "running" || !state.pid) throw new Error(`${name} does not run`);
  return state.pid;
}

const node = (code: string) => ({ command: process.execPath, args: ["-e", code] });

/** A part inside this process that ends when told. */
function inProcess(name: string, events: string[] = []) {
  const lives: ((reason: string) => void)[] = [];
  const part: Part = {
    name,
    async start() {
      const life = Promise.withResolvers<string>();
      lives.push(life.resolve);
      events.push(`start ${name}`);
      return {
        exited: life.promise,
        async stop() {
          events.push(`stop ${name}`);
          life.resolve("stopped");
        },
      };
    },
  };
  return { part, lives };
}

test("a part that is killed is started again, and the stream says so", async () => {
  make();
  await supervisor.start({ name: "api", ...node("console.log('up'); setInterval(() => {}, 1000)") });
  const first = pidOf("api");
  await eventually(() => lines.includes("api        | up"));
  process.kill(first, "SIGKILL");
  await eventually(() => lines.some((line) => line.includes("api runs again")));
  expect(pidOf("api")).not.toBe(first);
  expect(lines.some((line) => line === "powerloom  | api ended (signal SIGKILL); restart 1 in 0.02 s")).toBe(true);
  await eventually(() => lines.filter((line) => line === "api        | up").length === 2);
});

test("restarts in a row wait longer and longer; a healthy time makes them quick again", async () => {
  make({ backoffMs: [1, 30, 60], healthyAfterMs: 1_500 });
  const { part, lives } = inProcess("flaky");
  await supervisor.start(part);
  for (let life = 0; life < 4; life += 1) {
    lives[life]?.("it fell over");
    await eventually(() => lives.length === life + 2);
  }
  await eventually(() => supervisor.state("flaky")?.status === "running");
  await sleep(1_700);
  lives[4]?.("once more");
  await eventually(() => lives.length === 6);
  const waits = lines.flatMap((line) => / in ([\d.]+) s/.exec(line)?.[1] ?? []);
  expect(waits).toEqual(["0.001", "0.03", "0.06", "0.06", "0.001"]);
});

test("a first start that fails is the caller's to hear; a later one is tried again", async () => {
  make();
  await expect(
    supervisor.start({ name: "broken", ...node("process.exit(3)"), ready: () => new Promise(() => {}) }),
  ).rejects.toThrow("broken stopped before it was ready (exit code 3); its lines above say why");
  await expect(supervisor.start({ name: "absent", command: "/nowhere/program", args: [] })).rejects.toThrow(
    /Cannot run/,
  );

  let attempts = 0;
  const { part, lives } = inProcess("database");
  await supervisor.start({
    name: part.name,
    async start(context) {
      attempts += 1;
      if (attempts === 2) throw new Error("the disk is away");
      return part.start(context);
    },
  });
  lives[0]?.("gone");
  await eventually(() => lives.length === 2);
  expect(lines.join("\n")).toContain("database ended (the disk is away); restart 2 in 0.04 s");
});

test("ready is when the URL answers, and the bound is kept", async () => {
  make();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/readyz`;
  const code = `let n = 0; require('node:http').createServer((q, r) => { r.statusCode = ++n > 2 ? 200 : 503; r.end(); }).listen(${port}, '127.0.0.1')`;
  await supervisor.start({ name: "api", ...node(code), ready: url });
  expect((await fetch(url)).status).toBe(200);
  await expect(
    supervisor.start({
      name: "mute",
      ...node("setInterval(() => {}, 1000)"),
      ready: `http://127.0.0.1:${await freePort()}/`,
      readyTimeoutMs: 300,
    }),
  ).rejects.toThrow(/mute was not ready after/);
});

test("parts are stopped in reverse order, once, and one that will not stop is killed with its children", async () => {
  make();
  const events: string[] = [];
  await supervisor.start(inProcess("one", events).part);
  await supervisor.start(inProcess("two", events).part);
  const stubborn = "trap '' TERM; sleep 300 & echo child $!; while :; do sleep 1; done";
  await supervisor.start({ name: "stubborn", command: "/bin/sh", args: ["-c", stubborn], stopTimeoutMs: 200 });
  await eventually(() => lines.some((line) => line.includes("child ")));
  const grandchild = Number(/child (\d+)/.exec(lines.join("\n"))?.[1]);
  const pid = pidOf("stubborn");
  await Promise.all([supervisor.stop(), supervisor.stop()]);
  expect(events).toEqual(["start one", "start two", "stop two", "stop one"]);
  await eventually(() => !isAlive(pid) && !isAlive(grandchild));
  await expect(supervisor.start(inProcess("late").part)).rejects.toThrow(/the stack is stopping/);
});

test("a stop while a part starts or waits for its restart leaves nothing behind", async () => {
  make({ backoffMs: [60_000] });
  const { part, lives } = inProcess("waiting");
  await supervisor.start(part);
  lives[0]?.("gone");
  await eventually(() => supervisor.state("waiting")?.status === "waiting");
  const code = "console.log(process.pid); setInterval(() => {}, 1000)";
  const starting = supervisor.start({
    name: "starting",
    ...node(code),
    ready: `http://127.0.0.1:${await freePort()}/`,
  });
  const failure = starting.catch((error: Error) => error.message);
  await eventually(() => lines.some((line) => /^starting .* \d+$/.test(line)));
  const pid = Number(/^starting .* (\d+)$/m.exec(lines.join("\n"))?.[1]);
  await supervisor.stop();
  expect(await failure).toBe("starting was stopped while it started");
  expect(isAlive(pid)).toBe(false);
});

test("a part that is not to be restarted ends with a word", async () => {
  make();
  await supervisor.start({ name: "seed", ...node("process.exit(0)"), restart: false });
  expect(await supervisor.ended).toBe("seed");
  expect(lines.at(-1)).toBe("powerloom  | seed ended (exit code 0)");
});

test("when the supervisor is killed with SIGKILL, its parts and their children go", async () => {
  make();
  const place = scratch();
  const { child, answer } = await hostProgram<number[]>("supervisor-host", [], {
    env: { ...process.env, GOODBYE_FILE: join(place.path, "goodbye") },
  });
  for (const pid of answer) expect(isAlive(pid)).toBe(true);
  child.kill("SIGKILL");
  await eventually(() => !answer.some(isAlive), 15_000);
  // The one that watches its parent had the time for its own shutdown.
  expect(readFileSync(join(place.path, "goodbye"), "utf8")).toBe("goodbye");
  place.remove();
});
