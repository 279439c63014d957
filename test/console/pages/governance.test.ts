import type { Browser, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../../db/database.ts";
import type { Person } from "../../../demo/api.ts";
import { storeElevation, storeRuns } from "../../integration/governance/runs-stage.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { expectSound, theBrowser, visitsIn } from "../../support/real-browser.ts";

/** Other people's words, which would be markup in a page that is careless. */
const foreign = `<img src=x onerror="document.title='owned'"><b>bold</b>`;

let browser: Browser;
let organisation: TestOrganisation;
let emma: Person & { id: string };

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("rules")]);
  emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: organisation.root }] });
});

const on = visitsIn(() => browser);

const narrow = { width: 390, height: 844, colorScheme: "dark" } as const;
const section = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

test("the mode is changed with a reason, seen elsewhere without a reload, and BYPASS asks somebody first", async () => {
  await on(organisation.admin, "/governance", async (page) => {
    await on(organisation.admin, "/", async (other) => {
      await other.getByText("● live").waitFor();
      await page.getByRole("button", { name: "Change the mode" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Mode").first().click();
      await page.getByRole("option", { name: "READ_ONLY" }).click();
      await dialog.getByLabel("Reason").fill(foreign);
      await dialog.getByText("This will be done at once").waitFor();
      await dialog.getByRole("button", { name: "Set the mode" }).click();
      await section(page, "Mode").getByText(foreign).waitFor();
      await section(page, "Mode")
        .getByRole("listitem")
        .filter({ hasText: "counts now" })
        .getByText("READ ONLY")
        .waitFor();
      await other.getByRole("link", { name: "Governance mode: READ_ONLY" }).waitFor();
    });
    await page.getByRole("button", { name: "Change the mode" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Mode").first().click();
    await page.getByRole("option", { name: "BYPASS" }).click();
    await dialog.getByLabel("Reason").fill("night work");
    await dialog.getByLabel("Duration seconds").fill("600");
    await dialog.getByText("This will wait for approval").waitFor();
    await dialog.getByRole("button", { name: "Ask for approval" }).click();
    await dialog.getByText("Waits for approval").waitFor();
    await expectSound(page);
  });
});

test.each(variant("what an agent may do again without asking is listed and taken back; a unit is given a budget"))(
  "%s",
  async () => {
    const db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 1 });
    const ous = await organisation.admin.get<{ data: { id: string }[] }>("/ous");
    const ouId = ous.data[0]?.id ?? "";
    await db.inOrganisation(organisation.organisationId, async (tx) => {
      const [runId] = await storeRuns(tx, [{ ouId, requesterId: emma.id, budget: { tokens: 1_000 } }]);
      await storeElevation(tx, runId ?? "");
    });
    await db.close();
    await on(
      organisation.admin,
      "/governance",
      async (page) => {
        const elevations = section(page, "Allowed again without asking");
        await elevations.getByText("staged: write_file").waitFor();
        await elevations.getByRole("button", { name: "Take back what staged may do with write_file" }).click();
        const dialog = page.getByRole("dialog");
        await dialog.getByRole("button", { name: "Take it back" }).click();
        await elevations.getByText(/Nothing at present/).waitFor();

        await page.getByRole("button", { name: "Set a budget" }).click();
        await dialog.getByLabel("OU").first().click();
        await page.getByRole("option", { name: organisation.root }).click();
        await dialog.getByLabel("Tokens limit").fill("50000");
        await dialog.getByText("This will be done at once").waitFor();
        await dialog.getByRole("button", { name: "Set the budget" }).click();
        await section(page, "Budgets of units")
          .getByText(/of 50K tokens/)
          .waitFor();
        await expectSound(page);
      },
      narrow,
    );
  },
);

test.each(variant("a skill gets a second version whose change is shown as text"))("%s", async () => {
  await on(organisation.admin, "/skills", async (page) => {
    await page.getByText("There is no skill yet").waitFor();
    await page.getByRole("button", { name: "New skill" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("review");
    await dialog.getByLabel("OU").fill(organisation.root);
    await dialog.getByLabel("Description").fill("Reviews");
    await dialog.getByLabel("Content").fill("# Review\n\nLook twice.");
    await dialog.getByText("This will be done at once").waitFor();
    await dialog.getByRole("button", { name: "Create the skill" }).click();
    await page.getByRole("heading", { level: 1, name: "review" }).waitFor();

    await page.getByRole("button", { name: "New version" }).click();
    await dialog.getByLabel("Content").fill(`# Review\n\nLook twice.\n\n${foreign}`);
    await dialog.getByText("This will be done at once").waitFor();
    await dialog.getByRole("button", { name: "Create the version" }).click();
    await section(page, "Version 2").getByText(foreign).waitFor();
    await page.getByRole("switch", { name: "Show what it changed in version 1" }).check();
    await section(page, "Version 2").getByText("added: ").first().waitFor({ state: "attached" });
    expect(page.url()).toContain("compare=before");
    await expectSound(page);
    expect(await page.title()).not.toBe("owned");
  });
});

test.each(variant("the secret of a registered server is shown once and is nowhere afterwards; the server is removed"))(
  "%s",
  async () => {
    await on(organisation.admin, "/mcp-servers", async (page) => {
      await page.getByRole("button", { name: "Register a server" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name", { exact: false }).first().fill("notes");
      await dialog.getByLabel("OU").fill(organisation.root);
      await dialog.getByLabel("URL").fill("http://127.0.0.1:9/mcp");
      await dialog.getByText("This will be done at once").waitFor();
      await dialog.getByRole("button", { name: "Register it" }).click();
      const secret = await page.getByRole("dialog").getByText(/^pli_/).textContent();
      expect(secret).toMatch(/^pli_/);
      await expectSound(page);
      await page.getByRole("button", { name: "I have it" }).click();
      await page.getByRole("heading", { level: 1, name: "notes" }).waitFor();
      expect(await page.content()).not.toContain(secret);
      expect(await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")).not.toContain(secret);
      await page.goBack();
      await page.getByRole("link", { name: "notes" }).click();
      expect(await page.content()).not.toContain(secret);
      await page.getByText("No agent that you may see.").waitFor();

      await page.getByRole("button", { name: "Remove" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove it" }).click();
      await page.getByText("No server is registered yet").waitFor();
      expect(page.faults).toEqual([]);
    });
  },
);

test.each(variant("who may not govern sees neither mode nor budgets, and who may only use agents registers nothing"))(
  "%s",
  async () => {
    await on(
      emma,
      "/governance",
      async (page) => {
        await page.getByText(/You need `governance:read`/).waitFor();
        expect(await page.getByRole("button", { name: /Change|Set a budget/ }).count()).toBe(0);
        await expectSound(page);
        for (const [path, words] of [
          ["/skills", "There is no skill yet"],
          ["/mcp-servers", "No server is registered yet"],
        ] as const) {
          await page.goto(path);
          await page.getByText(words).waitFor();
          expect(await page.getByRole("button", { name: /^(New|Register)/ }).count()).toBe(0);
        }
      },
      narrow,
    );
  },
);
