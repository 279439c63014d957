import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bugs, type Names } from "./bugs.ts";
import { type Dice, diceOf } from "./dice.ts";

/** A small JavaScript project with one bug and a test that shows it. */
export interface SampleProject {
  seed: number;
  name: string;
  /** What is wrong with it: for those who watch, it stands nowhere in the files. */
  bug: string;
  /** Path in the project → content. */
  files: ReadonlyMap<string, string>;
  /** The file with the bug. */
  source: string;
}

const things = ["lantern", "kettle", "parcel", "ticket", "crate", "pebble", "barrel", "ledger", "beacon", "saddle"];
const moods = ["quiet", "amber", "brisk", "copper", "gentle", "northern", "paper", "velvet"];
const places = ["harbour", "orchard", "depot", "meadow", "workshop", "pier", "mill", "arcade"];
const results = ["outcome", "gathered", "answer", "found", "soFar"];
const indexes = ["i", "at", "place", "nth"];
const fields = ["limit", "share", "mark", "level"];
const filesAre = ["rules", "figures", "core", "logic", "maths"];
const titles: readonly ((names: Names) => string)[] = [
  ({ fn, items }) => `${fn} takes every one of the ${items} into account`,
  ({ items }) => `the ${items} come out right`,
  ({ fn }) => `${fn} does what its name says`,
  ({ items }) => `nothing is wrong with the ${items}`,
];

/** Draws a project: which bug, and every name in it. The same seed gives the same project. */
export function drawProject(seed: number): SampleProject {
  const dice = diceOf(seed);
  const bug = dice.pick(bugs);
  const [thing = "", other = ""] = dice.draw(things, 2);
  const names: Names = {
    fn: `${dice.pick(bug.verbs)}${capital(thing)}s`,
    items: `${thing}s`,
    item: thing,
    result: dice.pick(results),
    index: dice.pick(indexes),
    field: dice.pick(fields),
  };
  const name = `${dice.pick(moods)}-${dice.pick(places)}`;
  const folder = dice.pick(["src", "lib"]);
  const ending = dice.pick(["js", "mjs"]);
  const source = `${folder}/${thing}-${dice.pick(filesAre)}.${ending}`;
  const sound = soundModule(dice, other, folder, ending);
  const cases = bug.cases(names, dice);
  const title = dice.pick(titles)(names);
  const files = new Map([
    [
      "package.json",
      `${JSON.stringify({ name, version: "1.0.0", type: "module", scripts: { test: "node --test" } }, null, 2)}\n`,
    ],
    [source, bug.source(names)],
    [`test/${thing}s.test.${ending}`, testFile(names.fn, source, title, cases, bug.async === true)],
    ...sound,
  ]);
  return { seed, name, bug: bug.name, files, source };
}

/** Writes the project's files below a directory that exists. */
export async function writeProject({ files }: SampleProject, directory: string): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

/** A second module with a test that passes: not everything is broken. */
function soundModule(dice: Dice, thing: string, folder: string, ending: string): [string, string][] {
  const fn = `label${capital(thing)}`;
  const path = `${folder}/${thing}-label.${ending}`;
  const count = dice.between(2, 40);
  const expected = `${count} ${thing}s`;
  return [
    [path, `export function ${fn}(count) {\n  return \`\${count} ${thing}s\`;\n}\n`],
    [
      `test/${thing}-label.test.${ending}`,
      testFile(fn, path, `${thing}s are labelled`, [`assert.equal(${fn}(${count}), "${expected}");`], false),
    ],
  ];
}

function testFile(fn: string, source: string, title: string, cases: readonly string[], isAsync: boolean): string {
  return `import assert from "node:assert/strict";
import { test } from "node:test";
import { ${fn} } from "../${source}";

test("${title}", ${isAsync ? "async " : ""}() => {
${cases.map((line) => `  ${line}`).join("\n")}
});
`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
