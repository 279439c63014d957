import type { Browser } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { anonymous, expectSound, openPage, signedIn, theBrowser } from "../../support/real-browser.ts";

let browser: Browser;
let organisation: TestOrganisation;

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("home")]);
});

test("whoever is not signed in is asked who they are, and comes back to where they wanted to go", async () => {
  const context = await anonymous(browser);
  const page = await openPage(context, "/agents?q=night");
  await page.waitForURL(/\/sign-in\?return_to=/);
  await page.getByLabel("Somebody else").fill(organisation.admin.email);
  await page.getByRole("button", { name: "Sign in as them" }).click();
  await page.waitForURL(/\/agents\?q=night$/);
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  expect(await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")).not.toMatch(
    /token|ey[JI]|pl[a-z]_/,
  );
  await context.close();
});

test("the home page greets, says where one is, and leads to what may be used", async () => {
  const context = await signedIn(browser, organisation.admin.email);
  const page = await openPage(context, "/");
  await page.getByRole("heading", { level: 1, name: "Hello, Ada" }).waitFor();
  const banner = page.getByRole("banner");
  await banner.getByText(organisation.name, { exact: true }).waitFor();
  await banner.getByText("development").waitFor();
  await banner.getByText("PERMISSION").waitFor();
  await page.getByRole("navigation").getByRole("link", { name: "Audit" }).waitFor();
  await page.getByText("Nothing waits for your decision.").waitFor();
  await expectSound(page);
  await context.close();
});

test("who holds no rights finds a home, and no pages that are not theirs", async () => {
  const nobody = await organisation.person("nobody", { name: "Nora Nobody" });
  const context = await signedIn(browser, nobody.email, { width: 390, height: 844, colorScheme: "dark" });
  const page = await openPage(context, "/");
  await page.getByRole("heading", { level: 1, name: "Hello, Nora" }).waitFor();
  await page.getByText("No run and no session is open.").waitFor();
  await expectSound(page);
  await page.getByRole("button", { name: "Menu" }).click();
  const menu = page.getByRole("navigation");
  await menu.getByRole("link", { name: "Requests" }).waitFor();
  expect(await menu.getByRole("link", { name: "Audit" }).count()).toBe(0);
  await expectSound(page);
  await context.close();
});

test("what others ask for appears on the home page without a reload, and signing out leaves nothing behind", async () => {
  const approver = await organisation.person("otto", {
    name: "Otto Other",
    roles: [{ role: "Approver", ou: organisation.root }],
  });
  await organisation.admin.make("/approval-policies", {
    name: "agents-need-two-eyes",
    ou: organisation.root,
    operations: ["agent.create"],
    approver_role: "Approver",
  });
  const context = await signedIn(browser, approver.email);
  const page = await openPage(context, "/");
  await page.getByText("Nothing waits for your decision.").waitFor();
  await page.getByText("live").waitFor();
  await organisation.admin.send("POST", "/agents", { name: "night-watch", ou: organisation.root });
  await page.getByRole("link", { name: /Create agent night-watch/ }).waitFor();
  await page.getByLabel("1 wait for your decision").waitFor();
  await page.getByRole("button", { name: "Account of Otto Other" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL(/\/sign-in$/);
  expect(await context.cookies()).toEqual([]);
  await expectSound(page);
  await context.close();
});
