import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { createCapture } from "../../../tools/sandbox/capture.ts";
import { executeCommand } from "../../../tools/sandbox/execute-command.ts";
import { explainFailure } from "../../../tools/sandbox/explain-failure.ts";
import { createWorkspace, openWorkspace } from "../../../tools/workspace/workspace.ts";

const directory = mkdtempSync(join(tmpdir(), "powerloom-availability-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const help = "--unshare-all --as-pid-1 --clearenv --size --json-status-fd --seccomp";
function fakeBwrap(name: string, script: string): string {
  // Where an ordinary user reaches it, even when root makes it.
  chmodSync(directory, 0o755);
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = --help ]; then echo "${help}"; exit; fi\n${script}\n`, { mode: 0o755 });
  return path;
}

describe.runIf(process.platform === "linux")("without a sandbox", () => {
  test("that is not installed, the reason says how to install it", async () => {
    const availability = await sandboxAvailability("/nowhere/bwrap");
    expect(availability).toEqual({
      available: false,
      reason:
        "bubblewrap is not installed at /nowhere/bwrap: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora).",
    });
  });

  test("of an old release, the reason says what it lacks", async () => {
    const path = join(directory, "old");
    writeFileSync(path, "#!/bin/sh\necho --unshare-all --seccomp --as-pid-1 --json-status-fd\n", { mode: 0o755 });
    expect(await sandboxAvailability(path)).toMatchObject({
      available: false,
      reason: expect.stringContaining("does not know --clearenv, --size") as string,
    });
  });

  test("that the kernel refuses, the reason says which call, and what to do", async () => {
    const path = fakeBwrap(
      "refused",
      'echo "bwrap: Creating new namespace failed: Operation not permitted" >&2; exit 1',
    );
    expect(await sandboxAvailability(path)).toMatchObject({
      available: false,
      reason: expect.stringMatching(
        /unshare\(CLONE_NEWNS\)|mount\(2\)|clone\(CLONE_NEWUSER\) is refused.*Operation not permitted/,
      ) as string,
    });
  });

  test("that runs nothing although it says so, there is none", async () => {
    for (const script of ["exit 0", "exit 3", "kill -9 $$", 'printf "{\\"exit-code\\": 1}" >&6; exit 1'])
      expect(await sandboxAvailability(fakeBwrap(`odd-${script.length}`, script))).toMatchObject({ available: false });
  });

  test("no command runs, not even outside of one", async () => {
    const workspace = join(directory, "workspace");
    await createWorkspace(workspace);
    const outcome = await executeCommand(
      await openWorkspace(workspace),
      { command: "echo ran" },
      { bwrapPath: "/nowhere/bwrap" },
    );
    expect(outcome).toMatchObject({ status: "refused", code: "sandbox_unavailable" });
  });

  test("is found out once", async () => {
    expect(sandboxAvailability("/nowhere/bwrap")).toBe(sandboxAvailability("/nowhere/bwrap"));
  });
});

describe("why a sandbox cannot be made", () => {
  const open = { unprivilegedClone: null, appArmorRestricts: null, mostUserNamespaces: "15000" };
  const noNamespace = "bwrap: Creating new namespace failed: Operation not permitted";
  test.each<[string, string, Partial<typeof open> | Record<string, string>, RegExp]>([
    ["Debian's switch", noNamespace, { unprivilegedClone: "0" }, /CLONE_NEWUSER.*unprivileged_userns_clone=1/],
    ["no namespaces at all", noNamespace, { mostUserNamespaces: "0" }, /max_user_namespaces=/],
    [
      "Ubuntu's AppArmor",
      "bwrap: setting up uid map: Permission denied",
      { appArmorRestricts: "1" },
      /uid_map.*apparmor_restrict/,
    ],
    [
      "Ubuntu's AppArmor, later",
      "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
      { appArmorRestricts: "1" },
      /loopback.*apparmor/,
    ],
    ["a container's seccomp", "bwrap: No permissions to create new namespace", {}, /CLONE_NEWUSER.*seccomp=unconfined/],
    [
      "a masked /proc",
      "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
      {},
      /mount\("proc"\).*systempaths/,
    ],
    ["root without rights", "unshare: unshare failed: Operation not permitted", {}, /CLONE_NEWNS.*root/],
    ["root that may not mount", "mount: /mnt: permission denied.", {}, /mount\(2\) is refused to root/],
    ["silence", "", {}, /bwrap failed \(it said nothing\)/],
  ])("is explained for %s", (_, stderr, settings, expected) => {
    expect(explainFailure(stderr, { ...open, ...settings })).toMatch(expected);
  });
});

describe("captured output", () => {
  test.each<[string, number, string[], string, boolean]>([
    ["all of it, when it fits", 8, ["abc", "def"], "abcdef", false],
    ["all of it, when it just fits", 8, ["abcdefgh"], "abcdefgh", false],
    ["beginning and end, when it does not", 8, ["abcdefgh", "ijkl"], "abcdef\n[4 bytes left out]\nkl", true],
    ["beginning and end, of one long piece", 8, ["abcdefghijkl"], "abcdef\n[4 bytes left out]\nkl", true],
    ["nothing", 8, [], "", false],
  ])("is %s", (_, most, chunks, text, truncated) => {
    const capture = createCapture(most);
    for (const chunk of chunks) capture.add(Buffer.from(chunk));
    expect(capture.text()).toEqual({ text, truncated });
  });

  test("of a long stream stays small, and ends as the stream ended", () => {
    const capture = createCapture(1_000);
    for (let line = 0; line < 100_000; line += 1) capture.add(Buffer.from(`${line}\n`));
    const { text, truncated } = capture.text();
    expect(truncated).toBe(true);
    expect(text.length).toBeLessThan(1_100);
    expect(text).toMatch(/^0\n1\n[\s\S]*\n99999\n$/);
    expect(capture.seen()).toBe(588_890);
  });
});
