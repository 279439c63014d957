import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writableCacheFolder } from "../../stack/cache-folder.ts";

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "powerloom-cache-"));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("the user's cache is shared by all stacks", () => {
  const folder = writableCacheFolder({ XDG_CACHE_HOME: join(place, "xdg") }, join(place, "state"));
  expect(folder).toBe(join(place, "xdg/powerloom"));
  expect(existsSync(folder)).toBe(true);
});

test("where there is no home to write to, the state directory has its own", () => {
  const file = join(place, "no-folder");
  writeFileSync(file, "");
  expect(writableCacheFolder({ XDG_CACHE_HOME: file }, join(place, "state"))).toBe(join(place, "state/cache"));
});
