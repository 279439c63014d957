import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createApiClient } from "../../cli/api-client.ts";
import { followRun, type RunEvent, type RunNews } from "../../cli/run/follow.ts";
import { openLiveArea } from "../../cli/run/live-area.ts";
import type { RunDetail } from "../../cli/run/watch.ts";
import { run as runCli } from "../../cli/run.ts";
import { type Recorded, type RecordingApi, type Reply, recordingApi } from "./recording-api.ts";
import { end, eventsOf, rootId, runOf, story } from "./run-events.ts";
import { emptyHome, powerloom } from "./terminal.ts";

const path = `/runs/${rootId}`;
const finished: Partial<RunDetail> = {
  status: "completed",
  output: { result: "The tests pass.", status: "done" },
  reason: { rule: "final-answer", reason: "the answer fits the output schema" },
  used: { tokens: 2_100, cost_micros: 5_300, calls: 4 },
  started_at: "2026-11-01T08:00:00.000Z",
  completed_at: "2026-11-01T08:00:12.000Z",
};
const whole = eventsOf([
  ...story.map(({ type, payload, run_id: run }) => [type, payload as object, run] as const),
  end("completed"),
]);
const message = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const messages = (events: readonly RunEvent[]) => events.map((event) => message("run_event", event)).join("");

let api: RecordingApi;
let folder: string;
/** What the API answers; a test changes what it is about. */
let answer: { run: RunDetail; stream: (request: Recorded) => Reply; events: readonly RunEvent[]; files: unknown[] };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "powerloom-run-"));
  answer = {
    run: runOf(finished),
    stream: ({ query }) => ({
      text: `: connected\n\n${messages(whole.slice(Number(query["after"])))}${message("end", answer.run)}`,
    }),
    events: whole,
    files: [],
  };
  api = await recordingApi((request) => {
    if (request.path === "/runs") return { status: 201, body: runOf() };
    if (request.path === path) return { body: answer.run };
    if (request.path === `${path}/stream`) return answer.stream(request);
    if (request.path === `${path}/files`) return { body: { data: answer.files } };
    if (request.path === `${path}/events`)
      return {
        body: { data: answer.events.filter(({ position }) => position > Number(request.query["after"])).slice(0, 4) },
      };
    return { status: 202, body: { id: "c1", status: "accepted" } };
  });
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

const started = (...args: string[]) => powerloom(["run", "Fix the tests", "--api", api.url, "--token", "t", ...args]);
const asked = () => api.requests.find(({ method }) => method === "POST");

describe("starting a run", () => {
  test("sends only what was said, and says that it is not finished", async () => {
    const { code, stdout } = await started();
    expect(code).toBe(3);
    expect(stdout).toContain(`Run ${rootId} (orchestrator) is received`);
    expect(asked()).toMatchObject({ path: "/runs", body: { task: "Fix the tests" } });
    expect(asked()?.headers).toMatchObject({ authorization: "Bearer t", "idempotency-key": expect.any(String) });
    expect(api.requests).toHaveLength(1);
  });

  test("every option finds its place", async () => {
    await writeFile(join(folder, "a.txt"), "hello");
    const options = [
      "--budget",
      "50k",
      "--budget",
      "$1.50",
      "--calls",
      "9",
      "--minutes",
      "2",
      "--agent",
      "mine",
      "--ou",
      "/acme",
    ];
    const { stderr } = await started(
      ...options,
      "--model",
      "planner=claude-a",
      "--model",
      "reviewer=claude-b",
      "--folder",
      folder,
    );
    expect(asked()?.body).toEqual({
      task: "Fix the tests",
      budget: { tokens: 50_000, cost_usd: 1.5, calls: 9, wall_seconds: 120 },
      agent: "mine",
      ou: "/acme",
      models: { planner: "claude-a", reviewer: "claude-b" },
      files: [{ path: "a.txt", content: "hello", encoding: "utf8" }],
    });
    expect(stderr).toContain(`1 file of ${folder} go`);
  });

  test("says what of a folder was left out, even beside JSON", async () => {
    await writeFile(join(folder, "big.bin"), Buffer.alloc(1_500_000));
    const { stdout, stderr } = await started("--folder", folder, "--json");
    expect(stderr).toMatch(/Left out.*\n {2}big\.bin too large \(1500000 bytes\)/);
    expect(JSON.parse(stdout)).toMatchObject({ id: rootId, status: "received" });
  });

  test.each([
    [["--budget", "lots"]],
    [["--calls", "x"]],
    [["--model", "planner"]],
    [["--write-back"]],
    [["--write-back", "--folder", ".", "--no-watch"]],
    [["--folder", "/not/there"]],
  ])("%j is wrong usage, before anything is asked", async (args) => {
    expect((await started(...args)).code).toBe(2);
    expect(api.requests).toEqual([]);
  });
});

describe("watching a run without a terminal", () => {
  test("is a line an event, then the outcome with output and files", async () => {
    answer.files = [
      { path: "a.ts", bytes: 5, change: "changed", content: "x", encoding: "utf8" },
      { path: "b.ts", bytes: 5, change: "same", content: null, encoding: "utf8" },
    ];
    const { code, stdout } = await started("--watch");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(whole.length + 6);
    expect(lines.slice(-6)).toEqual([
      "✓ completed: the answer fits the output schema",
      "  2.1k tokens · $0.0053 · 4 model calls · 12.0 s",
      "result: The tests pass.",
      "status: done",
      "files:",
      "  ~ a.ts 5 bytes",
    ]);
    expect(stdout).not.toContain("\u001b");
  });

  test("as JSON is an event a line, each once, and the run as the last", async () => {
    const { code, stdout, stderr } = await started("--watch", "--json");
    expect(code).toBe(0);
    const printed = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(printed).toEqual([...whole, answer.run]);
    expect(stderr).toBe("");
  });

  test.each(["failed", "stopped", "cancelled"] as const)("one that is %s ends with 1 and says why", async (status) => {
    answer.run = runOf({
      ...finished,
      status,
      output: null,
      reason: { rule: "budget-exhausted", reason: "no tokens are left" },
    });
    const { code, stdout } = await started("--watch");
    expect(code).toBe(1);
    expect(stdout).toContain(`✗ ${status} (budget-exhausted): no tokens are left`);
  });
});

describe("following a run", () => {
  const follow = async (options = {}) => {
    const heard: RunNews[] = [];
    const client = createApiClient({ apiUrl: api.url, token: "t" });
    for await (const news of followRun({ api: client, runId: rootId, pollMs: 5, ...options })) heard.push(news);
    return heard;
  };
  const positions = (heard: readonly RunNews[]) =>
    heard.flatMap((news) => (news.kind === "event" ? [news.event.position] : []));

  test("goes on where it was when the connection breaks, without loss or repetition", async () => {
    answer.stream = ({ query }) => {
      const after = Number(query["after"]);
      // One event too early, and the last one broken off.
      const sent = messages(whole.slice(Math.max(0, after - 1), after + 4));
      return {
        text: after + 4 >= whole.length ? sent + message("end", answer.run) : `${sent}event: run_event\ndata: {"posi`,
      };
    };
    expect(positions(await follow())).toEqual(whole.map(({ position }) => position));
    const asked = api.requests.map(({ query, headers }) => [query["after"], headers.authorization]);
    expect(asked).toEqual([
      ["0", "Bearer t"],
      ["4", "Bearer t"],
      ["8", "Bearer t"],
    ]);
  });

  test("hears the model's words, and passes over what it does not know", async () => {
    const words = { root: rootId, run: rootId, thread: "main", text: "Hm." };
    const odd = `: here\n\n${message("else", {})}${message("run_event", { no: "event" })}data: x\n\nevent: tokens\r\ndata: ${JSON.stringify(words)}\r\n\r\n`;
    answer.stream = () => ({ text: odd + message("end", answer.run) });
    expect(await follow()).toEqual([{ kind: "words", run: rootId, thread: "main", text: "Hm." }]);
  });

  test("asks again and again where there is no stream, until the end", async () => {
    answer.stream = () => ({ status: 404, body: { title: "Not found", detail: "no such route" } });
    answer.run = runOf();
    setTimeout(() => (answer.run = runOf(finished)), 50);
    expect(positions(await follow())).toEqual(whole.map(({ position }) => position));
    expect(api.requests.filter(({ path: at }) => at.endsWith("/stream"))).toHaveLength(1);
  });

  test("bears a restart, and gives up when the API stays away", async () => {
    let failures = 2;
    const stream = answer.stream;
    answer.stream = (request) => (failures-- > 0 ? { status: 503 } : stream(request));
    expect(await follow()).toHaveLength(whole.length);
    await api.close();
    await expect(follow({ patienceMs: 50 })).rejects.toMatchObject({ exitCode: 4 });
  });

  test("is left at once, though the connection is quiet", async () => {
    const quiet = createServer((_req, res) => void res.writeHead(200).write(messages(whole.slice(0, 1))));
    await new Promise<void>((resolve) => quiet.listen(0, "127.0.0.1", resolve));
    const client = createApiClient({ apiUrl: `http://127.0.0.1:${(quiet.address() as AddressInfo).port}` });
    const leave = new AbortController();
    const heard: RunNews[] = [];
    for await (const news of followRun({ api: client, runId: rootId, signal: leave.signal })) {
      heard.push(news);
      setTimeout(() => leave.abort(), 20);
    }
    expect(heard).toHaveLength(1);
    // The connection is closed, too: otherwise this would wait.
    await new Promise((resolve) => quiet.close(resolve));
  });

  test("a refusal is final", async () => {
    answer.stream = () => ({ status: 403, body: { title: "Forbidden", detail: "not yours" } });
    await expect(follow()).rejects.toMatchObject({ exitCode: 1, message: "not yours" });
  });
});

describe("bringing files home", () => {
  beforeEach(async () => {
    await mkdir(join(folder, "src"));
    await writeFile(join(folder, "src/a.ts"), "before");
    await writeFile(join(folder, "b.ts"), "before");
    answer.files = [
      { path: "src/a.ts", bytes: 5, change: "changed", content: "after", encoding: "utf8" },
      { path: "b.ts", bytes: 5, change: "changed", content: "after", encoding: "utf8" },
      { path: "../evil", bytes: 5, change: "added", content: "after", encoding: "utf8" },
    ];
    // Somebody edits while the run works.
    const stream = answer.stream;
    answer.stream = (request) => {
      editing = writeFile(join(folder, "b.ts"), "mine");
      return stream(request);
    };
  });
  let editing: Promise<void>;

  test("of a completed run, and never over what was edited meanwhile", async () => {
    const { code, stdout } = await started("--folder", folder, "--write-back");
    await editing;
    expect(code).toBe(0);
    expect(await readFile(join(folder, "src/a.ts"), "utf8")).toBe("after");
    expect(await readFile(join(folder, "b.ts"), "utf8")).toBe("mine");
    expect(await readFile(join(folder, "b.ts.run"), "utf8")).toBe("after");
    expect(stdout).toContain(`1 file written into ${folder}`);
    expect(stdout).toContain("! b.ts is not what was sent: yours stays, the run's is in b.ts.run");
    expect(stdout).toContain("✗ ../evil was not written: its path leads out of the folder");
  });

  test("of a run that was stopped nothing", async () => {
    answer.run = runOf({ ...finished, status: "stopped" });
    const { code, stdout } = await started("--folder", folder, "--write-back");
    expect(code).toBe(1);
    expect(await readFile(join(folder, "src/a.ts"), "utf8")).toBe("before");
    expect(stdout).toContain("Nothing was written back, because the run is stopped");
  });

  test("beside JSON it is said on stderr", async () => {
    const { stdout, stderr } = await started("--folder", folder, "--write-back", "--json");
    expect(stdout.trimEnd().split("\n")).toHaveLength(whole.length + 1);
    expect(stderr).toContain("1 file written");
  });
});

describe("on a terminal", () => {
  /** A shell on a terminal, and the lines its screen shows at the end. */
  const terminal = (args: readonly string[]) => {
    const interrupts: (() => void)[] = [];
    const written = { stdout: "", stderr: "" };
    const code = runCli(["run", "Fix the tests", "--api", api.url, ...args], {
      env: { POWERLOOM_HOME: emptyHome(), NO_COLOR: "1" },
      stdin: Readable.from([]),
      stdout: { write: (text) => (written.stdout += text), isTTY: true, columns: 60 },
      stderr: { write: (text) => (written.stderr += text) },
      onInterrupt: (listener) => {
        interrupts.push(listener);
        return () => interrupts.splice(interrupts.indexOf(listener), 1);
      },
    });
    return { code, written, interrupts };
  };
  const until = async (what: () => boolean) => {
    for (let tries = 0; !what() && tries < 300; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(what()).toBe(true);
  };

  test("watches by itself, leaves the whole tree behind, and gives the cursor back", async () => {
    const { code, written } = terminal([]);
    expect(await code).toBe(0);
    const { stdout } = written;
    expect(stdout.lastIndexOf("\u001b[?25h")).toBeGreaterThan(stdout.lastIndexOf("\u001b[?25l"));
    const left = stripVTControlCharacters(stdout.slice(stdout.lastIndexOf("\u001b[?25h"))).split("\n");
    expect(left[0]).toMatch(/^✓ orchestrator claude-sonnet-5-5 {2}/);
    expect(left.join("\n")).toContain("      ✗ execute_command");
    expect(left).toContain("✓ completed: the answer fits the output schema");
    for (const line of left.slice(0, 11)) expect(line.length).toBeLessThan(60);
  });

  test("Ctrl-C asks to cancel, and the outcome is still shown", async () => {
    answer.stream = () => ({ status: 404, body: { title: "Not found" } });
    answer.events = [];
    answer.run = runOf();
    const { code, interrupts, written } = terminal([]);
    await until(() => interrupts.length > 0);
    interrupts[0]?.();
    await until(() => api.requests.some(({ path: at }) => at === `${path}/cancel`));
    answer.run = runOf({ ...finished, status: "cancelled", output: null });
    expect(await code).toBe(1);
    expect(written.stderr).toContain("Ctrl-C again");
    expect(interrupts).toEqual([]);
  });

  test("a second Ctrl-C leaves the run to itself", async () => {
    answer.stream = () => ({ status: 404, body: { title: "Not found" } });
    answer.events = [];
    answer.run = runOf();
    const { code, interrupts, written } = terminal([]);
    await until(() => interrupts.length > 0);
    interrupts[0]?.();
    interrupts[0]?.();
    expect(await code).toBe(3);
    expect(written.stderr).toContain(`The run is left to itself: powerloom runs get ${rootId}`);
  });

  test("lines are drawn over the old ones, in one write, and not when nothing has changed", () => {
    const writes: string[] = [];
    const sink = { write: (text: string) => writes.push(text), isTTY: true, columns: 10 };
    const area = openLiveArea(sink);
    area.draw(["one", "two"]);
    area.draw(["one", "two"]);
    expect(writes).toEqual(["\u001b[?25l\u001b[?2026h\rone\u001b[K\ntwo\u001b[K\n\u001b[J\u001b[?2026l"]);
    // A window that was made narrower has wrapped "three" into two rows.
    area.draw(["three", "日本"]);
    sink.columns = 3;
    area.draw(["x"]);
    expect(writes.at(-1)).toBe("\u001b[?2026h\u001b[4A\rx\u001b[K\n\u001b[J\u001b[?2026l");
    area.close();
    expect(writes.slice(-2)).toEqual(["\u001b[1A\r\u001b[J", "\u001b[?25h"]);
  });
});
