import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  faultsOfInstalled,
  faultsOfLock,
  type Lock,
  type LockedPackage,
  type Manifest,
} from "../../scripts/supply-chain/lock.ts";

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const ours = () => ({ lock: read("package-lock.json") as Lock, manifest: read("package.json") as Manifest });

test("our lock file keeps its rules, and what is installed is what is locked", () => {
  const { lock, manifest } = ours();
  expect(Object.keys(lock.packages).length).toBeGreaterThan(300);
  expect(faultsOfLock(lock, manifest)).toEqual([]);
  expect(faultsOfInstalled(lock, read("node_modules/.package-lock.json") as Lock)).toEqual([]);
});

describe("is found in a lock file", () => {
  const changed = (path: string, change: (found: LockedPackage) => void): string[] => {
    const { lock, manifest } = ours();
    const found = lock.packages[path];
    if (found === undefined) throw new Error(`no ${path}`);
    change(found);
    return faultsOfLock(lock, manifest);
  };
  const pg = "node_modules/pg";

  test.each<[string, (found: LockedPackage) => void, string]>([
    ["a package without a digest", (found) => delete found.integrity, "not named by a SHA-512 digest"],
    ["a weaker digest", (found) => (found.integrity = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="), "SHA-512"],
    ["a digest cut short", (found) => (found.integrity = found.integrity?.slice(0, 40) ?? ""), "SHA-512"],
    ["another source", (found) => (found.resolved = "git+ssh://git@example.test/pg.git"), "git+ssh://git@example.test"],
    ["another version than asked for", (found) => (found.version = "8.0.0"), "8.0.0 is locked"],
    ["a licence that asks for more", (found) => (found.license = "AGPL-3.0-only"), "AGPL-3.0-only, and it is shipped"],
    ["a sum of licences of which one does", (found) => (found.license = "MIT AND GPL-2.0-only"), "GPL-2.0-only"],
    ["a script nobody has decided on", (found) => (found.hasInstallScript = true), "allowScripts"],
  ])("%s", (_, change, said) => {
    const faults = changed(pg, change);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain("pg");
    expect(faults[0]).toContain(said);
  });

  test("a choice of licences with one that asks for a notice only is none", () => {
    expect(changed(pg, (found) => (found.license = "(GPL-2.0-only OR MIT)"))).toEqual([]);
  });

  test("a range instead of a version, and a package that only one of both files names", () => {
    const { lock, manifest } = ours();
    const ranged = { ...manifest, dependencies: { ...manifest.dependencies, pg: "^8.23.1" } };
    expect(faultsOfLock(lock, ranged)).toEqual([expect.stringContaining("pg: package.json says ^8.23.1")]);
    const root = lock.packages[""];
    if (root?.dependencies !== undefined) root.dependencies["pg"] = "^8.23.1";
    expect(faultsOfLock(lock, ranged)).toEqual([expect.stringContaining("pg: ^8.23.1 is not one version")]);
    const more = { ...ours().manifest, dependencies: { ...manifest.dependencies, "left-pad": "1.3.0" } };
    expect(faultsOfLock(ours().lock, more)).toEqual([expect.stringContaining("left-pad")]);
  });
});

describe("is found in what is installed", () => {
  const installed = (change: (packages: Lock["packages"]) => void): string[] => {
    const { lock } = ours();
    const there = structuredClone(lock);
    change(there.packages);
    return faultsOfInstalled(lock, there);
  };
  test("other content, a package more, a package less", () => {
    expect(installed(() => undefined)).toEqual([]);
    expect(
      installed((packages) => {
        packages["node_modules/pg"] = { ...packages["node_modules/pg"], integrity: "sha512-other" };
        packages["node_modules/stranger"] = { version: "1.0.0" };
        delete packages["node_modules/zod"];
      }).map((fault) => fault.split(":")[0]),
    ).toEqual(["node_modules/pg", "node_modules/stranger", "node_modules/zod"]);
  });
});
