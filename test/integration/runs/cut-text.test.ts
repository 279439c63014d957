import { beforeAll, expect, test } from "vitest";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, ended, eventsOf } from "../../support/runs.ts";

let organisation: TestOrganisation;
beforeAll(async () => {
  organisation = await makeOrganisation("cut-text");
});

// Of characters that take two places, one of both rows is cut in the middle of one, wherever a text is cut.
test.each(["", "x"])("what is cut in the middle of a character, and NUL, is stored: %j comes first", async (before) => {
  const said = `${before}${"😀".repeat(60_000)}`;
  const step = { step: 1, tool: "read_file", args: { path: "a.txt" }, expected_output: "text", depends_on: [] };
  const models = await armMind(`cut-text-${before}`, {
    planner: {
      turns: [
        { tool_uses: [{ name: "read_file", input: { path: "a.txt" } }] },
        {
          text: `\0${said.slice(0, 1_000)}`,
          tool_uses: [{ name: "read_file", input: { path: `${said.slice(0, 1_000)}/missing` } }],
        },
        { output: { steps: [{ ...step, description: said.slice(0, 1_000) }], reasoning: "because", risks: [] } },
      ],
    },
  });
  const { id } = await organisation.admin.make<{ id: string }>("/runs", {
    task: `${before}${"😀".repeat(1_000)}`,
    agent: "planner",
    models,
    files: [{ path: "a.txt", content: said }],
    budget: { tokens: 900_000 },
  });
  expect(await ended(organisation.admin, id)).toMatchObject({ status: "completed" });
  const types = (await eventsOf(organisation.admin, id)).map(({ type }) => type);
  expect(types.filter((type) => type === "run_step")).toHaveLength(2);
  expect(types.at(-1)).toBe("run_completed");
});
