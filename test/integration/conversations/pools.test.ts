import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { firstNames, guardedTeams, lastNames, servers, skills, slugOf, teams } from "./pools.ts";

const folder = new URL("../../../simulator/operator/", import.meta.url);
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => [file, readFileSync(new URL(file, folder), "utf8")] as const);

const names = [
  ...firstNames,
  ...lastNames,
  ...[...teams, ...guardedTeams].flatMap((name) => [name, slugOf(name)]),
  ...servers.flat(),
  ...skills.map(({ name }) => name),
];

test("the operator's source knows no person, OU, server or skill of the pools", () => {
  expect(sources.length).toBeGreaterThan(10);
  const found = sources.flatMap(([file, text]) =>
    names
      .filter((name) =>
        new RegExp(`(?<![\\p{L}\\p{N}])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "u").test(
          text,
        ),
      )
      .map((name) => `${file}: ${name}`),
  );
  expect(found).toEqual([]);
});
