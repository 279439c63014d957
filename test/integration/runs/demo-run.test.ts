import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { v7 } from "uuid";
import { afterAll, expect, test } from "vitest";
import { painter } from "../../../cli/paint.ts";
import { processShell } from "../../../cli/shell.ts";
import { openCast } from "../../../demo/run/people.ts";
import { runTests } from "../../../demo/run/project-tests.ts";
import { drawProject, writeProject } from "../../../demo/run/sample-project.ts";
import { openScreen } from "../../../demo/run/screen.ts";
import { tellRun } from "../../../demo/run/story.ts";
import { findFix } from "../../../simulator/messages/mind/repair/find-fix.ts";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { sharedStack, testSeed } from "../../support/organisation.ts";

const seed = testSeed();
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

test.for([seed % 1_000_000])("seed %i: the failing test is found, fixed and proved", async (drawn, { skip }) => {
  const sandbox = await sandboxAvailability();
  if (!sandbox.available) {
    console.log(`skipped: ${sandbox.reason}`);
    skip();
  }
  const project = drawProject(drawn);
  const folder = await mkdtemp(join(tmpdir(), "powerloom-demo-test-"));
  folders.push(folder);
  await writeProject(project, folder);
  const before = await runTests(folder);
  expect(before, `seed ${drawn}`).toMatchObject({ passed: false });

  const shown: string[] = [];
  const take = { write: (text: string) => void shown.push(text) };
  const shell = processShell();
  const good = await tellRun({
    stack: { ...sharedStack(), temporalUiUrl: "" },
    cast: await openCast(sharedStack(), `demo-${v7().slice(-10)}`),
    project,
    folder,
    before,
    supervisor: null,
    screen: openScreen(take),
    shell: { env: { HOME: folder }, stdin: shell.stdin, stderr: take },
    paint: painter(false),
    color: false,
    thinkMs: 0,
  });
  const text = shown.join("");
  expect(good, text).toBe(true);
  expect(text).toBe(stripVTControlCharacters(text));
  expect(text).toMatch(
    /is asked: may the executor use execute_command [\s\S]*command: "node --test"[\s\S]*why it asks: /,
  );
  expect(text).toMatch(/is asked: may the executor use write_file [\s\S]*\n {4}\+ /);
  expect(text).toMatch(/\n {2}calls {2}█/);
  expect(text).toMatch(/trace id {2}[0-9a-f]{32}/);
  expect(await readFile(join(folder, project.source), "utf8")).not.toBe(project.files.get(project.source));
});

test("every seed gives a project of its own with a bug that can be found, and the same seed the same one", () => {
  const projects = Array.from({ length: 60 }, (_, index) => drawProject(seed + index));
  expect(new Set(projects.map(({ bug }) => bug)).size).toBeGreaterThanOrEqual(6);
  expect(drawProject(seed)).toEqual(projects[0]);
  for (const { files, source, seed: drawn } of projects) {
    const code = new Map([...files].filter(([path]) => !path.endsWith(".json")));
    const tests = [...code.keys()].filter((path) => path.startsWith("test/"));
    expect(findFix(code, tests), `seed ${drawn}`).toMatchObject({ kind: "fix", path: source, workedOut: true });
  }
});
