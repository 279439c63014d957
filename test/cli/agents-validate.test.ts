import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { emptyHome, powerloom } from "./terminal.ts";

const shipped = fileURLToPath(new URL("../../agents", import.meta.url));
// No API: what is checked here needs none.
const validate = (...args: string[]) => powerloom(["agents", "validate", ...args, "--api", "http://127.0.0.1:1"]);

describe("agents validate", () => {
  test("finds no fault in the definitions that come along", async () => {
    const { code, stdout, stderr } = await validate(shipped);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("✓ planner planner, claude-sonnet-5-5\n");
    expect(stdout).toContain("4 definitions in 4 files: no faults\n");
  });

  test("says the same as JSON, with digests", async () => {
    const { stdout } = await validate(shipped, "--json");
    const answer = JSON.parse(stdout) as { definitions: { id: string; digest: string }[] };
    expect(answer).toMatchObject({ valid: true, faults: [] });
    expect(answer.definitions).toHaveLength(4);
    expect(answer.definitions.every(({ digest }) => /^[0-9a-f]{64}$/.test(digest))).toBe(true);
  });

  test("names every fault of every file, with its place, and ends with 1", async () => {
    const folder = emptyHome();
    mkdirSync(join(folder, "below"));
    writeFileSync(join(folder, "a.yaml"), "id: a\nid: b\n");
    writeFileSync(join(folder, "below", "b.yml"), "id: b\ntolls: []\n");
    writeFileSync(join(folder, "notes.txt"), "not looked at");
    const { code, stdout } = await validate(folder);
    expect(code).toBe(1);
    expect(stdout).toContain(`${join(folder, "a.yaml")}:2:1 is no YAML: `);
    expect(stdout).toContain(
      `${join(folder, "below", "b.yml")}:2:1 tolls: unknown key \`tolls\`; did you mean \`tools\`?\n`,
    );
    expect(stdout).toMatch(/✗ \d+ faults in 2 files\n$/);
    const { stdout: json } = await validate(folder, "--json");
    const answer = JSON.parse(json) as { valid: boolean; faults: object[] };
    expect(answer.valid).toBe(false);
    expect(answer.faults[0]).toMatchObject({ file: join(folder, "a.yaml"), line: 2, column: 1, path: "" });
  });

  test("a file's words cannot write to the terminal", async () => {
    const file = join(emptyHome(), "a.yaml");
    writeFileSync(file, 'id: "\\e[2J"\n');
    expect((await validate(file)).stdout).not.toContain("\u001b");
  });

  test("what is not there, or holds no definitions, is wrong usage", async () => {
    expect((await validate(join(emptyHome(), "none"))).code).toBe(2);
    const { code, stderr } = await validate(emptyHome());
    expect(code).toBe(2);
    expect(stderr).toContain("there are no .yaml files in");
  });
});
