import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { expectSound, openPage, signedIn, theBrowser } from "../../support/real-browser.ts";

const hostile = `</script><img src=x onerror="window.stolen=1">`;

let browser: Browser;
let organisation: TestOrganisation;
let auditor: Person;

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("trail")]);
  auditor = await organisation.person("auditor", { roles: [{ role: "Auditor", ou: organisation.root }] });
  await auditor.send("POST", "/groups", { name: "forbidden", ou: organisation.root });
  await organisation.admin.make("/groups", { name: "made", ou: organisation.root, display_name: hostile });
});

test.each(variant("the trail is narrowed by person, operation, outcome and time, in the address"))("%s", async () => {
  const context = await signedIn(browser, auditor.email);
  const page = await openPage(context, "/audit");
  await page.getByRole("link", { name: organisation.admin.email }).first().waitFor();
  await expectSound(page);
  const rows = page.getByRole("row").filter({ hasText: "group.create" });
  await page.getByRole("textbox", { name: "Operation" }).fill("group.create");
  await page.waitForURL(/operation=group\.create/);
  await page.getByRole("row").filter({ hasText: "user.create" }).first().waitFor({ state: "detached" });
  expect(await rows.count()).toBe(2);
  await page.getByRole("textbox", { name: "Person" }).fill(auditor.email);
  await page.waitForURL(/sub=auditor/);
  await rows.filter({ hasText: "applied" }).waitFor({ state: "detached" });
  await rows.filter({ hasText: "refused" }).waitFor();

  await page.getByRole("button", { name: /More filters/ }).click();
  await page.getByLabel("From").fill("2100-01-01T00:00:00");
  // Berlin's midnight, as the API takes it.
  await page.waitForURL(/from=2099-12-31T23%3A00%3A00\.000Z/);
  await page.getByText("No entry like this").waitFor();
  await page.goto("/audit?outcome=refused");
  await page.getByRole("row").filter({ hasText: "group.create" }).waitFor();
  expect(await page.getByRole("row").filter({ hasText: "applied" }).count()).toBe(0);
  await context.close();
});

test.each(variant("one entry shows every field, what was hashed, and leads to what it names"))("%s", async () => {
  const context = await signedIn(browser, auditor.email, { width: 390, height: 844, colorScheme: "dark" });
  const page = await openPage(context, "/audit?operation=group.create&outcome=applied");
  await page.getByRole("row").filter({ hasText: "group.create" }).getByRole("link").first().click();
  await page.getByRole("heading", { level: 1, name: /Audit entry \d+/ }).waitFor();
  await page.getByRole("link", { name: /^group / }).waitFor();
  await page.getByRole("link", { name: /^request / }).waitFor();
  await page.getByText("Refers to").waitFor();
  expect(await page.evaluate("window.stolen")).toBeUndefined();
  await expectSound(page);
  await page.getByRole("link", { name: "Entry before" }).click();
  await page.getByText("What was hashed, character by character:").waitFor();
  await context.close();
});

test("the chain is verified, exported, and found broken where somebody has changed it behind every rule", async () => {
  const broken = await makeOrganisation("broken");
  for (const name of ["one", "two", "three"]) await broken.admin.make("/groups", { name, ou: broken.root });
  const context = await signedIn(browser, broken.admin.email);
  const page = await openPage(context, "/audit");
  await page.getByText("It has not been verified yet.", { exact: false }).waitFor();
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText(/Intact: \d+ entries/).waitFor();
  await page.getByText(`by ${broken.admin.email}`, { exact: false }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export" }).click(),
  ]);
  const lines = (await readFile(await download.path(), "utf8")).trimEnd().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ head: { position: lines.length - 1 } });

  await asSuperuser(async (sql) => {
    await sql.query("set session_replication_role = replica");
    await sql.query(
      "update control_plane_audit set body = replace(body, 'applied', 'refused') where organisation_id = $1 and position = 3",
      [broken.organisationId],
    );
  });
  await page.getByRole("button", { name: "Verify now" }).click();
  const alert = page.getByRole("alert");
  await alert.getByText("Broken at entry 3").waitFor();
  await alert.getByText("The entry's content does not match its hash", { exact: false }).waitFor();
  const chain = alert.getByRole("list", { name: "The entries around 3" });
  await chain.getByText("broken here").waitFor();
  expect(await chain.getByRole("listitem").count()).toBe(4);
  await expectSound(page);
  // Whoever comes later is told what was found.
  await page.reload();
  await page.getByText("Broken at entry 3").waitFor();
  await page.getByRole("link", { name: "Look at entry 3" }).click();
  await page.getByRole("heading", { level: 1, name: "Audit entry 3" }).waitFor();
  await context.close();
});

test("who may not read the trail is told who can grant it", async () => {
  const nobody = await organisation.person("nobody", {});
  const context = await signedIn(browser, nobody.email);
  for (const path of ["/audit", "/audit/1"]) {
    const page = await openPage(context, path);
    await page.getByText("Not for you to see or do").waitFor();
    await page.getByRole("link", { name: organisation.admin.email }).waitFor();
    expect(await page.getByRole("button", { name: "Verify now" }).count()).toBe(0);
    await page.close();
  }
  await context.close();
});
