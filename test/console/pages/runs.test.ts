import type { Browser, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { expectSound, theBrowser, visitsIn } from "../../support/real-browser.ts";
import { armMind, decideNext, planOf, talker } from "../../support/runs.ts";

/** Other people's words, which would be markup in a page that is careless. */
const foreign = `<img src=x onerror="document.title='owned'"><b>bold</b>`;

let browser: Browser;
let organisation: TestOrganisation;
let bob: Person;
let eve: Person;
let auditor: Person;

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("runners")]);
  const at = (role: string) => ({ roles: [{ role, ou: organisation.root }] });
  [bob, eve, auditor] = await Promise.all([
    organisation.person("bob", at("AgentBuilder")),
    organisation.person("eve", at("Approver")),
    organisation.person("aud", at("Auditor")),
  ]);
});

const on = visitsIn(() => browser);

const section = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

test("a run is started in the browser, asks for permission, and is watched to its end without a reload", async () => {
  const { plan, executor } = planOf([
    { step: 1, tool: "read_file", args: { path: "notes.txt" } },
    { step: 2, tool: "write_file", args: { path: "made.txt", content: foreign }, depends_on: [1] },
  ]);
  const delegate = (agent: string, input: Record<string, unknown>) => ({
    tool_uses: [{ name: "delegate", input: { agent, input } }],
  });
  const model = (
    await armMind("watched-in-browser", {
      orchestrator: {
        turns: [
          delegate("planner", { task: "{{input.task}}" }),
          delegate("executor", { plan: "{{last.run_id}}" }),
          { output: { result: foreign, status: "done" } },
        ],
      },
      planner: { turns: [{ output: plan }] },
      executor,
    })
  )["executor"];

  const definitions = await bob.get<{ data: { id: string; description: string }[] }>("/agent-definitions");
  const orchestrator = definitions.data.find(({ id }) => id === "orchestrator");
  await on(bob, "/runs/new", async (page) => {
    await page.getByRole("textbox", { name: "Task" }).fill(`Copy the notes. ${foreign}`);
    // The definitions there are, those of the tests' own included; what is chosen says what it is for.
    const choose = async (agent: string, says: string) => {
      await page.getByLabel("Agent", { exact: true }).first().click();
      await page.getByRole("option", { name: agent, exact: true }).click();
      await page.getByText(says).waitFor();
    };
    await choose("planner", "Breaks a task down into a plan");
    await page.getByLabel("Agent", { exact: true }).first().click();
    await page.getByRole("option", { name: "clerk", exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await choose("orchestrator", orchestrator?.description ?? "");
    for (const role of ["Orchestrator", "Planner", "Executor", "Reviewer"])
      await page.getByLabel(role, { exact: true }).fill(model ?? "");
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Choose files" }).click();
    await (await chooser).setFiles([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("notes") }]);
    await page.getByText("1 file", { exact: true }).waitFor();
    await expectSound(page);
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);

    await page.getByRole("heading", { level: 1, name: `Copy the notes. ${foreign}` }).waitFor();
    const asked = section(page, "Asked of people");
    await asked.getByText("pending").waitFor();
    await asked.getByRole("link", { name: "write_file" }).waitFor();
    await section(page, "Plan")
      .getByRole("button", { name: /2\. write_file waits for approval/ })
      .waitFor();
    await decideNext(eve, "approve", organisation.root);
    await asked.getByText("approved").waitFor();

    await section(page, "This run").getByText("completed").waitFor();
    await section(page, "Answer").getByText(foreign.slice(0, 12)).waitFor();
    const step = section(page, "Plan").getByRole("button", { name: /2\. write_file done/ });
    await step.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Step 2 of the plan" }).getByText("as planned").waitFor();
    await section(page, "What it made")
      .getByRole("button", { name: /made\.txt added/ })
      .click();
    await section(page, "What it made").getByText(foreign).waitFor();
    await page.getByRole("button", { name: /^delegate, step main\/2\.1/ }).click();
    await page.getByRole("dialog").getByText("delegate", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await expectSound(page);
    expect(await page.title()).not.toBe("owned");

    // Of its subagents each has a page of its own; on a narrow screen the plan is a list.
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await section(page, "Subagents").getByRole("link", { name: "executor" }).click();
    await page.getByRole("heading", { level: 1, name: "executor" }).waitFor();
    await page.getByRole("link", { name: "the whole run", exact: true }).waitFor();
    await section(page, "Plan").getByRole("listitem").nth(1).getByText("done").waitFor();
    await expectSound(page);
  });

  await on(
    bob,
    "/runs?q=Copy+the&status=completed",
    async (page) => {
      await page.getByRole("link", { name: /Copy the notes/ }).waitFor();
      await page.getByRole("textbox", { name: "Task contains" }).fill("another thing");
      await page.getByText("No run is like that").waitFor();
      expect(new URL(page.url()).searchParams.get("q")).toBe("another thing");
      await expectSound(page);
    },
    { width: 390, height: 844, colorScheme: "dark" },
  );
});

test.each(
  variant(
    "a run is paused, spoken to, let go on and cancelled by its own person, and others may only look or not even that",
  ),
)("%s", async () => {
  const turns = [1, 2, 3, 4, 5, 6].map((number) => ({
    tool_uses: [{ name: "list_directory", input: { path: ".", depth: ((number - 1) % 5) + 1 } }],
    delay_ms: 900,
  }));
  const models = await armMind("steered-in-browser", talker(turns));
  const { id } = await bob.make<{ id: string }>("/runs", { task: "Look around.", agent: "planner", models });

  await on(bob, `/runs/${id}`, async (page) => {
    const facts = section(page, "This run");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Taken: it pauses before its next step.").waitFor();
    await facts.getByText("paused").waitFor();
    await page.getByLabel("Message").fill("Only the sources, please.");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Taken. It is among what happened").waitFor();

    await on(auditor, `/runs/${id}`, async (other) => {
      await section(other, "This run").getByText("paused").waitFor();
      expect(await other.getByRole("button", { name: /Pause|Resume|Cancel|Send/ }).count()).toBe(0);
      await page.getByRole("button", { name: "Resume" }).click();
      await section(other, "This run").getByText("running").waitFor();
    });

    await page.getByText("A message was heard").waitFor();
    await page.getByRole("button", { name: "Cancel…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Reason").fill("seen enough");
    await expectSound(page);
    await dialog.getByRole("button", { name: "Cancel the run" }).click();
    await facts.getByText("cancelled", { exact: true }).waitFor();
    await page
      .getByText(/seen enough/)
      .first()
      .waitFor();
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(0);
    expect(page.faults).toEqual([]);
  });

  const stranger = await organisation.person("stranger");
  await on(stranger, `/runs/${id}`, async (page) => {
    await page.getByText(`No run found with id \`${id}\` that you may see.`).waitFor();
  });
});
