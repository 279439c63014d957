import { spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { type ExecuteCommandOptions, executeCommand } from "../../../tools/sandbox/execute-command.ts";
import { readFile } from "../../../tools/workspace/read-file.ts";
import { createWorkspace, openWorkspace, type Workspace } from "../../../tools/workspace/workspace.ts";
import { writeFile } from "../../../tools/workspace/write-file.ts";

const availability = await sandboxAvailability();
if (!availability.available) console.warn(`Sandbox tests are skipped. ${availability.reason}`);

const base = mkdtempSync(join(tmpdir(), "powerloom-sandbox-"));
const directory = join(base, "run-1");
const other = join(base, "run-2", "secret.txt");
const repository = join(import.meta.dirname, "../../..");
const secret = "s3cret-of-another-run";
let workspace: Workspace;

beforeAll(async () => {
  await createWorkspace(directory);
  mkdirSync(dirname(other));
  writeFileSync(other, secret);
  workspace = await openWorkspace(directory);
  process.env["POWERLOOM_TEST_SECRET"] = secret;
});
afterAll(() => {
  delete process.env["POWERLOOM_TEST_SECRET"];
  rmSync(base, { recursive: true, force: true });
});

async function run(command: string, options: ExecuteCommandOptions & { seconds?: number } = {}) {
  const outcome = await executeCommand(workspace, { command, timeout_seconds: options.seconds ?? 20 }, options);
  if (outcome.status === "refused") throw new Error(outcome.message);
  return outcome.output;
}

/** Processes anywhere on this machine whose command line holds the mark. */
function alive(mark: string): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(mark);
    } catch {
      return false;
    }
  }).length;
}

/** Node code on one command line, single-quoted for the shell. */
const node = (code: string) => `node -e '${code}'`;

describe.skipIf(!availability.available)("a command in the sandbox cannot", () => {
  test.each<[string, string]>([
    ["read /etc/shadow", "cat /etc/shadow"],
    ["read the host's accounts", "grep -c ^root /etc/passwd"],
    ["read the host's name", "[ $(cat /etc/hostname || hostname) != sandbox ]"],
    ["read another run's workspace", `cat ${other}`],
    ["read it through parent directories", `cat ../run-2/secret.txt || cat ..${other}`],
    ["read it through a link", `ln -sf ${other} link; cat link`],
    ["link to it", `ln ${other} hard`],
    ["link to a program outside of the workspace", "ln /usr/bin/env hard"],
    ["read the repository", `cat ${repository}/package.json`],
    ["see the home of the user it runs for", `ls ${process.env["HOME"] ?? "/root"}`],
    [
      "see /root, /home, /var, /run, /sys, /boot or /mnt",
      "ls -d /root || ls -d /home || ls -d /var || ls -d /run || ls -d /sys || ls -d /boot || ls -d /mnt",
    ],
    ["reach the container engine's socket", "ls /var/run/docker.sock || ls /run/docker.sock || ls /run/containerd"],
    ["read the environment of the first process", "tr '\\0' '\\n' </proc/1/environ | grep SECRET"],
    [
      "find environment variables of the worker",
      "cat /proc/*/environ | tr '\\0' '\\n' | grep SECRET || env | grep SECRET",
    ],
    ["leave through the root of the first process", `cat /proc/1/root${other}`],
    [
      "leave through the directory of the first process",
      "cat /proc/1/cwd/../etc/shadow || cat /proc/self/cwd/../../etc/shadow",
    ],
    [
      "leave through an inherited descriptor",
      "for fd in /proc/*/fd/*; do ls $fd/etc/shadow && exit 0; done 2>/dev/null; exit 1",
    ],
    ["write to /usr", "touch /usr/x || touch /usr/local/bin/x"],
    ["write to the root directory", "touch /x || mkdir /y"],
    ["write to /etc", "echo x >>/etc/passwd || touch /etc/x"],
    ["write to /dev", "touch /dev/x"],
    ["replace node", "echo x >/opt/node/bin/node || rm -f /opt/node/bin/node"],
    ["change kernel settings", "echo 1 >/proc/sys/kernel/panic || echo h >/proc/sysrq-trigger"],
    ["read raw disks or memory", "head -c1 /dev/vda || head -c1 /dev/sda || head -c1 /dev/mem || head -c1 /proc/kcore"],
    ["make a device", "mknod disk b 8 0 || mknod null c 1 3"],
    ["mount", "mount -t tmpfs none /tmp || mount --bind /usr /workspace || umount /proc"],
    ["change its root", "chroot / true"],
    ["make a user namespace", "unshare --user true || unshare --map-root-user true"],
    ["make other namespaces", "unshare --mount true || unshare --net true || unshare --pid true"],
    ["join the namespaces of another process", "nsenter --target 1 --mount true"],
    ["start another sandbox inside", "bwrap --ro-bind / / true"],
    ["become root", "su -c true || sudo -n true || setpriv --reuid 0 true"],
    ["gain rights from set-user-id files", "cp /usr/bin/id ./id && chmod u+s ./id && [ $(./id -u) != 65534 ]"],
    ["change the owner of a file", "touch mine && chown 0:0 mine"],
    ["hold a capability", "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -v 0000000000000000"],
    ["raise its limits", "prlimit --nproc=100000 true || ulimit -H -n 100000"],
    ["give itself a better priority", "nice -n -5 true && [ $(nice -n -5 nice) -lt 0 ]"],
  ])("%s", async (_, command) => {
    const result = await run(command);
    expect(result).toMatchObject({ timed_out: false });
    expect(result.exit_code, result.stdout + result.stderr).not.toBe(0);
    expect(result.stdout + result.stderr).not.toContain(secret);
    expect(readFileSync(other, "utf8")).toBe(secret);
  });

  test("reach a server on the loopback interface of the host", async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end("hello");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const result = await run(node(`fetch("http://127.0.0.1:${port}").then(()=>process.exit(0),()=>process.exit(7))`));
    server.close();
    expect([result.exit_code, asked]).toEqual([7, 0]);
  });

  test("reach the network outside, not even to look up a name", async () => {
    const result = await run(
      node(
        `const net=require("net");const s=net.connect({host:"1.1.1.1",port:443,timeout:3000});s.on("error",e=>{console.log(e.code);require("dns").lookup("example.com",e=>{console.log(e.code);process.exit(7)})})`,
      ),
    );
    expect(result.exit_code).toBe(7);
    expect(result.stdout).toMatch(/^ENETUNREACH\n(EAI_AGAIN|ENOTFOUND|EAI_FAIL)\n$/);
  });

  test("see any network interface but a loopback of its own", async () => {
    const result = await run(node(`console.log(Object.keys(require("os").networkInterfaces()).join())`));
    expect(result.stdout.trim()).toMatch(/^(lo)?$/);
  });

  test("reach a Unix socket of the host, by path or abstract", async () => {
    const path = join(base, "socket");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const result = await run(
      node(`require("net").connect("${path}").on("connect",()=>process.exit(0)).on("error",()=>process.exit(7))`),
    );
    server.close();
    expect(result.exit_code).toBe(7);
  });

  test("see, signal or trace a process outside", async () => {
    const bystander = spawn("sleep", ["30"]);
    const result = await run(
      `kill -9 ${bystander.pid} || kill -9 ${process.pid}; ls /proc | grep -c '^[0-9]'; kill -9 -1; true`,
    );
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    expect(Number(/^\d+$/m.exec(result.stdout)?.[0])).toBeLessThan(10);
    bystander.kill("SIGKILL");
  });

  test("trace even its own processes, make memory without a name, or reserve disk space", async () => {
    const perl = spawnSync("perl", ["-e", "1"]).status === 0;
    if (!perl || process.arch !== "x64") return;
    // ptrace(TRACEME), memfd_create, shmget, keyctl, io_uring_setup, socket(AF_VSOCK), fallocate.
    const calls = ["101,0,0,0,0", "319,0,0", "29,0,1<<30,01666", "250,0,0", "425,1,0", "41,40,1,0", "285,1,0,0,1<<20"];
    for (const call of calls) {
      const result = await run(`perl -e 'exit(syscall(${call})==-1?7:0)'`);
      expect([call, result.exit_code]).toEqual([call, 7]);
    }
  });

  test("get at a descriptor that the worker was started with", async () => {
    const worker = `
      import { sandboxAvailability } from ${JSON.stringify(join(repository, "tools/sandbox/availability.ts"))};
      import { executeCommand } from ${JSON.stringify(join(repository, "tools/sandbox/execute-command.ts"))};
      import { openWorkspace } from ${JSON.stringify(join(repository, "tools/workspace/workspace.ts"))};
      const workspace = await openWorkspace(${JSON.stringify(directory)});
      console.log(JSON.stringify(await executeCommand(workspace, { command: "ls -l /proc/self/fd/40 /proc/self/fd/40/" })));`;
    // A directory of the host at a number so high that Node does not look there.
    const etc = openSync("/etc", "r");
    const stdio = Array.from({ length: 41 }, (_, index) => (index === 40 ? etc : index < 3 ? "pipe" : "ignore"));
    const child = spawn(process.execPath, ["--input-type=module", "-e", worker], {
      stdio: stdio as ("pipe" | number)[],
    });
    closeSync(etc);
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await new Promise((resolve) => child.once("close", resolve));
    expect(said).toContain('"status":"done"');
    expect(said).not.toContain("shadow");
    expect(said).toContain("/dev/null");
  });
});

describe.skipIf(!availability.available)("a command that uses too much is stopped:", () => {
  test("a fork bomb makes no more processes than allowed", async () => {
    const result = await run("f() { f | f & }; f; sleep 1; ls /proc | grep -c '^[0-9]'", { limits: { processes: 64 } });
    expect(result.stderr).toMatch(/fork|resource/i);
    expect(result.stderr).not.toContain("more than 64 processes");
  });

  test("threads count as processes", async () => {
    const result = await run(
      node(
        `const {Worker}=require("worker_threads");for(let i=0;i<200;i++)new Worker("setTimeout(()=>{},9e6)",{eval:true})`,
      ),
      { limits: { processes: 40 }, seconds: 15 },
    );
    expect(result.exit_code).not.toBe(0);
    expect(result.timed_out).toBe(false);
  });

  test("a memory bomb", async () => {
    const result = await run(node("const a=[];for(;;)a.push(Buffer.alloc(1e7,1))"), {
      limits: { memoryBytes: 256 << 20 },
    });
    expect(result).toMatchObject({ exit_code: 137, timed_out: false });
    expect(result.stderr).toContain("more than 268435456 bytes of memory");
  });

  test("a memory bomb spread over many processes", async () => {
    const one = `node -e "const a=[];for(let i=0;i<12;i++)a.push(Buffer.alloc(1e7,1));setTimeout(()=>{},9e6)" &`;
    const result = await run(`${one} ${one} ${one} ${one} wait`, { limits: { memoryBytes: 384 << 20 } });
    expect(result.stderr).toContain("bytes of memory");
  });

  test("memory cannot be taken through files in memory", async () => {
    const result = await run("for d in /tmp /dev/shm; do head -c 400M /dev/zero >$d/x; wc -c <$d/x; done", {
      limits: { temporaryBytes: 32 << 20 },
    });
    expect(result.stdout.trim().split("\n").map(Number)).toEqual([32 << 20, 64 << 20]);
  });

  test("one large file", async () => {
    const result = await run("head -c 50M /dev/zero >large; wc -c <large; rm -f large", {
      limits: { fileBytes: 8 << 20 },
    });
    expect(Number(result.stdout)).toBe(8 << 20);
  });

  test("many files", async () => {
    const result = await run("i=0; while :; do head -c 4M /dev/zero >f$i; i=$((i+1)); done", {
      limits: { diskBytes: 64 << 20 },
    });
    expect(result.stderr).toContain("bytes to disk");
    await run("rm -f f*");
  });

  test("output without end", async () => {
    const result = await run("yes", { limits: { talkBytes: 4 << 20 } });
    expect(result).toMatchObject({ exit_code: 137, truncated: true, timed_out: false });
    expect(result.stdout.length).toBeLessThan(257_000);
    expect(result.stderr).toContain("bytes of output");
  });

  test("output that is long, but ends, is cut in the middle", async () => {
    const result = await run("seq 1 200000");
    expect(result).toMatchObject({ exit_code: 0, truncated: true });
    expect(result.stdout).toMatch(/^1\n2\n[\s\S]*bytes left out[\s\S]*\n200000\n$/);
  });

  test("sleeping beyond the limit", async () => {
    const result = await run("echo before; sleep 60", { seconds: 0.5 });
    expect(result).toMatchObject({ exit_code: 124, timed_out: true, stdout: "before\n" });
    expect(result.stderr).toContain("did not end within 0.5 s");
    expect(result.duration_ms).toBeLessThan(5_000);
  });

  test("deafness to signals does not help", async () => {
    const result = await run("trap '' TERM INT HUP QUIT; setsid sh -c 'trap \"\" TERM; sleep 61.25' & sleep 61.25", {
      seconds: 0.5,
    });
    expect(result.timed_out).toBe(true);
    expect(alive("61.25")).toBe(0);
  });

  test("processor time, of all processes together", async () => {
    const result = await run("for i in 1 2 3; do (while :; do :; done) & done; wait", {
      limits: { cpuSeconds: 1 },
      seconds: 15,
    });
    expect(result.stderr).toContain("processor time");
  });

  test("cancelling the run stops it and everything it started", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("the run was cancelled")), 300);
    await expect(run("sleep 62.5 & sleep 62.5", { signal: controller.signal })).rejects.toThrow(
      "the run was cancelled",
    );
    expect(alive("62.5")).toBe(0);
  });

  test("cancelling at any moment of the start leaves nothing behind", async () => {
    for (let delay = 0; delay < 40; delay += 4) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("cancelled")), delay);
      await expect(run("sleep 62.75", { signal: controller.signal })).rejects.toThrow("cancelled");
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(alive("62.75")).toBe(0);
  });

  test("what was put in the background ends with the command", async () => {
    const result = await run("(setsid nohup sleep 63.5 >/dev/null 2>&1 &); (sleep 63.5 &); echo done");
    expect(result).toMatchObject({ exit_code: 0, stdout: "done\n" });
    expect(result.duration_ms).toBeLessThan(5_000);
    expect(alive("63.5")).toBe(0);
  });

  test("a worker that is killed takes its commands along", async () => {
    const worker = `
      import { executeCommand } from ${JSON.stringify(join(repository, "tools/sandbox/execute-command.ts"))};
      import { openWorkspace } from ${JSON.stringify(join(repository, "tools/workspace/workspace.ts"))};
      await executeCommand(await openWorkspace(${JSON.stringify(directory)}), { command: "touch started; sleep 64.5" });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", worker], { stdio: "ignore" });
    const started = join(directory, "started");
    for (let tries = 0; tries < 200 && !existsSync(started); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(existsSync(started)).toBe(true);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    for (let tries = 0; tries < 40 && alive("sleep\0" + "64.5") > 0; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(alive("sleep\0" + "64.5")).toBe(0);
  });
});

describe.skipIf(!availability.available)("a command in the sandbox can", () => {
  test("run the tests of a project", async () => {
    await writeFile(workspace, {
      path: "project/sum.test.js",
      content: `const { test } = require("node:test"); const assert = require("node:assert"); const { Worker } = require("node:worker_threads");
test("adds", () => assert.equal(1 + 1, 2));
test("works in threads", () => new Promise((resolve, reject) => new Worker("1", { eval: true }).on("exit", resolve).on("error", reject)));`,
    });
    await writeFile(workspace, {
      path: "project/bad.test.js",
      content: `require("node:test")("fails", () => { throw new Error("no") })`,
    });
    const good = await run("cd project && node --test sum.test.js");
    expect(good.exit_code, good.stdout).toBe(0);
    expect(good.stdout).toMatch(/pass 2/);
    const bad = await run("cd project && node --test");
    expect(bad).toMatchObject({ exit_code: 1 });
    expect(bad.stdout).toMatch(/fail 1/);
  });

  test.each<[string, string, Partial<{ exit_code: number; stdout: string }>]>([
    ["start in the workspace", "pwd", { exit_code: 0, stdout: "/workspace\n" }],
    ["end with a code of its own", "exit 42", { exit_code: 42 }],
    ["die of a signal", "kill -TERM $$", { exit_code: 143 }],
    ["begin with a dash", "-x; echo next", { exit_code: 0, stdout: "next\n" }],
    ["have several lines and quotes", "a='x y'\necho \"$a\"", { exit_code: 0, stdout: "x y\n" }],
    [
      "use pipes, /tmp and /dev/null",
      "echo x >/tmp/a && cat /tmp/a | tr x y 2>/dev/null",
      { exit_code: 0, stdout: "y\n" },
    ],
    ["know who it is", "id -un; echo $HOME; echo $LANG", { stdout: "sandbox\n/tmp\nC.UTF-8\n" }],
    ["see no variables but its own", "env | cut -d= -f1 | sort | tr '\\n' ' '", { stdout: "HOME LANG PATH PWD " }],
    ["use this very Node", "node --version", { exit_code: 0, stdout: `${process.version}\n` }],
    ["read no input", "cat", { exit_code: 0, stdout: "" }],
  ])("%s", async (_, command, expected) => {
    expect(await run(command)).toMatchObject({ ...expected, timed_out: false, truncated: false });
  });

  test("share files with the file tools, both ways", async () => {
    await writeFile(workspace, { path: "shared/a.txt", content: "from the tool\n" });
    expect(
      await run("cat shared/a.txt && echo more >>shared/a.txt && mkdir shared/b && echo new >shared/b/c"),
    ).toMatchObject({ exit_code: 0 });
    expect(await readFile(workspace, { path: "shared/a.txt" })).toMatchObject({
      output: { content: "from the tool\nmore\n" },
    });
    expect(await writeFile(workspace, { path: "shared/b/c", content: "newer\n" })).toMatchObject({
      output: { created: false },
    });
    expect(await run("cat shared/b/c && rm -r shared")).toMatchObject({ stdout: "newer\n", exit_code: 0 });
  });

  test("run beside others, each with limits of its own", async () => {
    const results = await Promise.all(
      [1, 2, 3, 4].map((number) => run(`sleep 0.3; echo ${number}`, { limits: { processes: 20 } })),
    );
    expect(results.map(({ stdout }) => stdout.trim())).toEqual(["1", "2", "3", "4"]);
  });
});

describe.skipIf(!availability.available || process.getuid?.() !== 0)("a worker that runs as root", () => {
  test("runs no command in a workspace that belongs to root", async () => {
    const rootOwned = join(base, "root-owned");
    mkdirSync(rootOwned);
    expect(await executeCommand(await openWorkspace(rootOwned), { command: "true" })).toMatchObject({
      code: "sandbox_unavailable",
      message: expect.stringContaining("belongs to root") as string,
    });
  });

  test("is needed for nothing: an ordinary user's commands run the same", async (context) => {
    const home = mkdtempSync(join(tmpdir(), "powerloom-ordinary-"));
    const script = `
      import { executeCommand } from ${JSON.stringify(join(repository, "tools/sandbox/execute-command.ts"))};
      import { createWorkspace, openWorkspace } from ${JSON.stringify(join(repository, "tools/workspace/workspace.ts"))};
      await createWorkspace(${JSON.stringify(join(home, "ws"))});
      const workspace = await openWorkspace(${JSON.stringify(join(home, "ws"))});
      const run = (command, limits) => executeCommand(workspace, { command, timeout_seconds: 10 }, { limits });
      console.log(JSON.stringify([await run("id -u; node -p 6*7; touch here && ls"),
        await run("node -e 'const a=[];for(;;)a.push(Buffer.alloc(1e7,1))'", { memoryBytes: 200e6 }),
        await run("head -c 90M /dev/zero >x; sleep 5", { diskBytes: 20e6 })]));`;
    spawnSync("chown", ["1234:1234", home]);
    const reaches = spawnSync(process.execPath, ["-e", `fs.accessSync(${JSON.stringify(repository)}, 4)`], {
      uid: 1234,
      gid: 1234,
    });
    if (reaches.status !== 0) context.skip("an ordinary user cannot read this working copy");
    accessSync(home, constants.R_OK);
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      uid: 1234,
      gid: 1234,
      cwd: "/",
    });
    rmSync(home, { recursive: true, force: true });
    const [first, second, third] = JSON.parse(child.stdout.toString() || child.stderr.toString()) as {
      output: Record<string, unknown>;
    }[];
    expect(first?.output).toMatchObject({ exit_code: 0, stdout: "65534\n42\nhere\n" });
    expect(second?.output["stderr"]).toContain("bytes of memory");
    expect(third?.output["stderr"]).toContain("bytes to disk");
  });
});
