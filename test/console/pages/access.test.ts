import type { Browser } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { expectSound, theBrowser, visitsIn } from "../../support/real-browser.ts";

/** Other people's words, which would be markup in a page that is careless. */
const foreign = `<img src=x onerror="document.title='owned'"><b>bold</b>`;

let browser: Browser;
let organisation: TestOrganisation;
let sales: string;
let emma: Person & { id: string };
let nobody: Person & { id: string };

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("people")]);
  sales = await organisation.ou(`${organisation.root}/sales`);
  emma = await organisation.person("emma", { name: foreign, ou: sales, roles: [{ role: "AgentUser", ou: sales }] });
  nobody = await organisation.person("nobody");
  await organisation.admin.make("/groups", { name: "reviewers", ou: sales, display_name: "Reviewers" });
});

const on = visitsIn(() => browser);

const narrow = { width: 390, height: 844, colorScheme: "dark" } as const;

test("why somebody cannot is answered with the rule and who can grant it; a role given by the form makes it so", async () => {
  const question = new URLSearchParams({ principal: emma.email, permission: "agent.create", ou: sales });
  await on(organisation.admin, `/authority/explain?${question.toString()}`, async (page) => {
    const answer = page.getByRole("region", { name: `${emma.email} may not` });
    await answer.getByText(/\(rule no-binding\)/).waitFor();
    await answer
      .getByText(new RegExp(`${organisation.admin.email} \\(OrgAdmin at ${organisation.root}\\) can grant it`))
      .waitFor();
    await answer.getByText(/It comes with the roles OrgAdmin, OUAdmin or AgentBuilder\./).waitFor();
    await expectSound(page);

    await answer.getByRole("button", { name: "Give a role" }).click();
    const dialog = page.getByRole("dialog");
    expect(
      await dialog.getByRole("combobox", { name: "Role" }).or(dialog.getByLabel("Role")).first().inputValue(),
    ).toBe("AgentBuilder");
    await dialog.getByText("This will be done at once").waitFor();
    await dialog.getByRole("button", { name: "Give the role" }).click();
    const allowed = page.getByRole("region", { name: `${emma.email} may`, exact: true });
    await allowed.getByText(`as AgentBuilder on ${sales}`).waitFor();
    await allowed.getByText(`The binding: AgentBuilder at ${sales}`).waitFor();
    expect(page.faults).toEqual([]);
  });
});

test.each(variant("a role given and taken back in one window is seen in another without a reload"))("%s", async () => {
  await on(organisation.admin, "/bindings", async (list) => {
    await list.getByText("● live").waitFor();
    const row = list.getByRole("row").filter({ hasText: "Auditor" });
    await on(organisation.admin, `/users/${emma.email}`, async (page) => {
      await page.getByRole("heading", { level: 1, name: foreign }).waitFor();
      await page.getByRole("button", { name: "Give a role" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Role").first().click();
      await page.getByRole("option", { name: "Auditor" }).click();
      await dialog.getByText("This will be done at once").waitFor();
      await dialog.getByRole("button", { name: "Give the role" }).click();
      await page
        .getByRole("table", { name: `Roles of ${emma.email}` })
        .getByText("Auditor")
        .waitFor();
      await row.getByText(sales).waitFor();

      await page.getByRole("button", { name: `Take back Auditor at ${sales}` }).click();
      await dialog.getByRole("button", { name: "Take it back" }).click();
      await row.waitFor({ state: "detached" });
      expect(await page.title()).not.toBe("owned");
    });
    await list.getByRole("tab", { name: "What roles allow" }).click();
    await list.getByRole("region", { name: "AgentUser" }).getByText("run:create").waitFor();
    expect(list.url()).toContain("tab=roles");
    await expectSound(list);
  });
});

test.each(variant("units, people and groups are made and found on a narrow screen"))("%s", async () => {
  await on(
    organisation.admin,
    "/ous",
    async (page) => {
      await page.getByRole("link", { name: "sales" }).click();
      await page.getByRole("heading", { level: 2, name: "sales" }).waitFor();
      await page.getByRole("button", { name: "New unit" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name", { exact: false }).first().fill("north");
      await dialog.getByText("This will be done at once").waitFor();
      await dialog.getByRole("button", { name: "Create the unit" }).click();
      await page.getByText(`${sales}/north`, { exact: true }).first().waitFor();
      await expectSound(page);

      await page.goto("/users?q=EMMA");
      await page.getByRole("link", { name: foreign }).waitFor();
      expect(await page.getByText(organisation.admin.email).count()).toBe(0);

      await page.goto("/groups");
      await page.getByRole("link", { name: "Reviewers" }).click();
      await page.getByText("Nobody is in it.").waitFor();
      await page.getByRole("button", { name: "Add a member" }).click();
      await dialog.getByLabel("User").fill(emma.email);
      await dialog.getByText("This will be done at once").waitFor();
      await dialog.getByRole("button", { name: "Add the member" }).click();
      await page.getByRole("table", { name: "Members" }).getByText(emma.email).waitFor();
      await expectSound(page);
    },
    narrow,
  );
});

test.each(variant("who has no rights is told so, and is offered no way to change anything"))("%s", async () => {
  await on(
    nobody,
    "/authority/explain",
    async (page) => {
      await page.getByRole("combobox", { name: "What" }).fill("agent.create");
      await page.getByRole("button", { name: "Explain" }).click();
      await page.getByRole("region", { name: `${nobody.email} may not` }).waitFor();
      await page.goto(`/authority/explain?principal=${emma.email}&permission=agent.create&ou=${organisation.root}`);
      await page.getByText("Not for you to see or do").waitFor();
      await expectSound(page);
      for (const path of ["/ous", "/users", "/groups", "/bindings"]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.getByText(/You may see no unit|Nobody is like that|There is no group yet|No role is held/).waitFor();
        expect(await page.getByRole("button", { name: /^(New|Add|Give)/ }).count()).toBe(0);
      }
      await page.goto(`/users/${emma.email}`);
      await page
        .getByText(/No user|not found|There is no/i)
        .first()
        .waitFor();
    },
    narrow,
  );
});
