import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadOrCreateSecrets } from "../../stack/secrets.ts";
import { openStateDirectory, resetState, stateDirectoryPath } from "../../stack/state-directory.ts";
import { scratch } from "./programs.ts";

let place: ReturnType<typeof scratch>;
let home: string;
beforeEach(() => {
  place = scratch();
  home = join(place.path, "home");
});
afterEach(() => place.remove());

test("the directory is .powerloom, unless POWERLOOM_HOME says otherwise", () => {
  expect(stateDirectoryPath({}, "/srv/app")).toBe("/srv/app/.powerloom");
  expect(stateDirectoryPath({ POWERLOOM_HOME: "" }, "/srv/app")).toBe("/srv/app/.powerloom");
  expect(stateDirectoryPath({ POWERLOOM_HOME: "/var/lib/loom" }, "/srv/app")).toBe("/var/lib/loom");
  expect(stateDirectoryPath({ POWERLOOM_HOME: "state" }, "/srv/app")).toBe("/srv/app/state");
});

test("it is private, and one process at a time uses it", async () => {
  const state = await openStateDirectory(home);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  await expect(openStateDirectory(home)).rejects.toThrow(
    `Powerloom is already running in ${home} (process ${process.pid}); stop it first or set POWERLOOM_HOME`,
  );
  await expect(resetState(home)).rejects.toThrow(/already running/);
  state.release();
  state.release();
  chmodSync(home, 0o755);
  const again = await openStateDirectory(home);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  again.release();
});

test("the lock of a process that was killed is taken over", async () => {
  const module = new URL("../../stack/state-directory.ts", import.meta.url).href;
  const code = `const { openStateDirectory } = await import(${JSON.stringify(module)});
    await openStateDirectory(${JSON.stringify(home)}); console.log("open"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  await expect(openStateDirectory(home)).rejects.toThrow(new RegExp(`process ${child.pid}\\)`));
  child.kill("SIGKILL");
  await once(child, "exit");
  (await openStateDirectory(home)).release();
});

test("a reset removes what is ours and nothing else", async () => {
  expect(await resetState(home)).toBe("absent");
  (await openStateDirectory(home)).release();
  expect(await resetState(home)).toBe("removed");
  expect(existsSync(home)).toBe(false);

  mkdirSync(home);
  writeFileSync(join(home, "thesis.txt"), "years");
  await expect(resetState(home)).rejects.toThrow(/not a Powerloom state directory; nothing was removed/);
  await expect(openStateDirectory(home)).rejects.toThrow(/not empty/);
  expect(readFileSync(join(home, "thesis.txt"), "utf8")).toBe("years");
  symlinkSync(home, join(place.path, "link"));
  await expect(resetState(join(place.path, "link"))).rejects.toThrow(/nothing was removed/);
});

test("secrets are made once, are private and differ", async () => {
  mkdirSync(home);
  const [first, second] = await Promise.all([loadOrCreateSecrets(home), loadOrCreateSecrets(home)]);
  expect(first).toEqual(second);
  expect(await loadOrCreateSecrets(home)).toEqual(first);
  expect(Buffer.from(first.sealing_key, "base64url")).toHaveLength(32);
  expect(first.sealing_key).not.toBe(first.mcp_client_secret);
  expect(statSync(join(home, "secrets.json")).mode & 0o777).toBe(0o600);
  expect(readdirSync(home)).toEqual(["secrets.json"]);
});

test("a secret that a newer version needs is added, the others stay", async () => {
  mkdirSync(home);
  const { sealing_key } = await loadOrCreateSecrets(home);
  writeFileSync(join(home, "secrets.json"), JSON.stringify({ sealing_key, of_another_version: "kept" }));
  const merged = await loadOrCreateSecrets(home);
  expect(merged.sealing_key).toBe(sealing_key);
  expect(JSON.parse(readFileSync(join(home, "secrets.json"), "utf8"))).toMatchObject({
    ...merged,
    of_another_version: "kept",
  });
});

test.each([["not json"], ['{"sealing_key":"short","mcp_client_secret":"x"}'], ["[]"], [""]])(
  "a damaged file is refused, never replaced: %j",
  async (content) => {
    mkdirSync(home);
    writeFileSync(join(home, "secrets.json"), content);
    await expect(loadOrCreateSecrets(home)).rejects.toThrow(/is damaged/);
    expect(readFileSync(join(home, "secrets.json"), "utf8")).toBe(content);
  },
);
