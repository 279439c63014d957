import type { Browser } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { askForApproval } from "../../integration/governance/stage.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { expectSound, openPage, signedIn, theBrowser } from "../../support/real-browser.ts";

let browser: Browser;
let organisation: TestOrganisation;
let builder: Person;
let nobody: Person;
let policyId: string;

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("requests")]);
  const { root, admin } = organisation;
  [builder, nobody] = await Promise.all([
    organisation.person("builder", { roles: [{ role: "AgentBuilder", ou: root }] }),
    organisation.person("nobody", {}),
  ]);
  ({ id: policyId } = await admin.make<{ id: string }>("/approval-policies", {
    name: "careful",
    ou: root,
    operations: ["agent.create"],
  }));
});

const ask = (name: string) => askForApproval(builder, "/agents", { name, ou: organisation.root });

test.each(variant("what one asked for can be withdrawn while it waits, and is then at its end"))("%s", async () => {
  const { id } = await ask("not-needed");
  const context = await signedIn(browser, builder.email, { width: 390, height: 844, colorScheme: "dark" });
  const page = await openPage(context, "/requests?mine=true&status=pending_approval");
  await page.getByRole("link", { name: /Create agent not-needed/ }).waitFor();
  await expectSound(page);
  await page.getByRole("link", { name: /Create agent not-needed/ }).click();
  await page.waitForURL(`**/requests/${id}`);
  await page.getByRole("button", { name: "Withdraw" }).click();
  await page.getByLabel("Reason (optional)").fill("Solved otherwise");
  await page.getByRole("button", { name: "Withdraw the request" }).click();
  await page.getByText("Not done: withdrawn").waitFor();
  await page.getByText("Solved otherwise").waitFor();
  await page.getByRole("button", { name: "Withdraw" }).waitFor({ state: "detached" });
  expect(await page.getByRole("heading", { name: "Audit entries" }).count()).toBe(0);
  await expectSound(page);
  await context.close();
});

test.each(variant("whoever may read the trail sees a request's entries, its workflow, and nobody else's button"))(
  "%s",
  async () => {
    const { id } = await ask("audited");
    const context = await signedIn(browser, organisation.admin.email);
    const page = await openPage(context, `/requests/${id}`);
    const entries = page.getByRole("region", { name: "Audit entries" });
    await entries.getByRole("link", { name: /\d+: agent\.create/ }).waitFor();
    const workflow = page.getByRole("link", { name: /^provision:agent\.create:/ });
    expect(await workflow.getAttribute("href")).toMatch(/\/namespaces\/[^/]+\/workflows\/provision%3Aagent\.create%3A/);
    expect(await workflow.getAttribute("rel")).toBe("noreferrer");
    expect(await page.getByRole("button", { name: "Withdraw" }).count()).toBe(0);
    await context.close();
  },
);

test("a refused request shows its problem as it was", async () => {
  const answer = await nobody.send("POST", "/agents", { name: "forbidden", ou: organisation.root });
  expect(answer.status).toBe(403);
  const context = await signedIn(browser, nobody.email);
  const page = await openPage(context, "/requests");
  await page.getByRole("cell", { name: "refused" }).waitFor();
  // Of others' requests there is none.
  expect(await page.getByRole("row").count()).toBe(2);
  await page.getByRole("link", { name: /agent/ }).last().click();
  await page
    .getByRole("region", { name: "Its problem" })
    .getByText(/"code": "forbidden"/)
    .waitFor();
  await page.getByRole("region", { name: "What has happened" }).getByText("Refused").waitFor();
  await page.goto("/requests/req_of_somebody_else");
  await page.getByRole("alert").waitFor();
  await context.close();
});

test.each(
  variant("a policy is made by the form, says whom it binds, and an edit upon an old version is not sent over it"),
)("%s", async () => {
  const { admin, root } = organisation;
  const context = await signedIn(browser, admin.email);
  const page = await openPage(context, "/approval-policies");
  await page.getByRole("link", { name: "careful" }).waitFor();
  await expectSound(page);
  await page.getByRole("link", { name: "New policy" }).click();
  await page.getByLabel("Name").fill("skills-too");
  await page.getByRole("combobox", { name: /^OU/ }).fill(root);
  await page.getByRole("combobox", { name: /^Operations/ }).fill("skill.*");
  await page.keyboard.press("Enter");
  await page.getByText("This will be done at once").waitFor();
  await page.getByRole("button", { name: "Create policy" }).click();
  await page.getByText(`Whoever asks for skill.* in ${root} or below`, { exact: false }).waitFor();

  await page.goto(`/approval-policies/${policyId}`);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: /^Approvals needed/ }).fill("3");
  await page.getByRole("button", { name: "Change policy" }).waitFor();
  await admin.send("PATCH", `/approval-policies/${policyId}`, { approvals_needed: 2 });
  await page.getByText("Somebody has changed this policy meanwhile").waitFor();
  await page.getByRole("button", { name: "Begin anew with this version" }).click();
  const needed = page.getByRole("textbox", { name: /^Approvals needed/ });
  expect(await needed.inputValue()).toBe("2");
  await needed.fill("1");
  await page.getByText("This will be done at once").waitFor();
  await page.getByRole("button", { name: "Change policy" }).click();
  await page.getByText("1 other person who holds Approver there has approved it", { exact: false }).waitFor();
  await expectSound(page);
  await context.close();
});

test.each(variant("who may read no policy finds none, and no way to make one"))("%s", async () => {
  const context = await signedIn(browser, nobody.email);
  const page = await openPage(context, "/approval-policies");
  await page.getByText("No policy").or(page.getByText("Not for you to see or do")).first().waitFor();
  expect(await page.getByRole("link", { name: "New policy" }).count()).toBe(0);
  await page.goto(`/approval-policies/${policyId}`);
  await page.getByRole("alert").waitFor();
  await context.close();
});
