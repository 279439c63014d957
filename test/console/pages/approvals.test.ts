import type { Browser } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { askForApproval } from "../../integration/governance/stage.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { expectSound, openPage, signedIn, theBrowser } from "../../support/real-browser.ts";

const hostile = `<img src=x onerror="window.stolen=1"><script>window.stolen=1</script>`;
const narrow = { width: 390, height: 844, colorScheme: "dark" } as const;

let browser: Browser;
let organisation: TestOrganisation;
let requester: Person;
let one: Person;
let two: Person;
/** Holds both roles. */
let both: Person;

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("inbox")]);
  const { root, admin } = organisation;
  const builder = { role: "AgentBuilder", ou: root };
  const approver = { role: "Approver", ou: root };
  [requester, one, two, both] = await Promise.all([
    organisation.person("requester", { roles: [builder] }),
    organisation.person("one", { roles: [approver] }),
    organisation.person("two", { roles: [approver] }),
    organisation.person("both", { roles: [builder, approver] }),
  ]);
  for (const [name, policy] of [
    ["careful", { operations: ["agent.create"] }],
    ["doubly", { operations: ["agent.create"], approvals_needed: 2 }],
  ] as const) {
    await organisation.ou(`${root}/${name}`);
    await admin.make("/approval-policies", { name: `${name}-policy`, ou: `${root}/${name}`, ...policy });
  }
  await admin.make("/approval-policies", {
    name: "chief",
    ou: `${root}/doubly`,
    operations: ["agent.*"],
    approver_role: "OrgAdmin",
  });
});

const ask = (name: string, more: Record<string, unknown> = {}, person = requester) =>
  askForApproval(person, "/agents", { name, ou: `${organisation.root}/careful`, ...more });

const statusOf = async (id: string) => (await organisation.admin.get<{ status: string }>(`/approvals/${id}`)).status;
const decided = (id: string, status: string) =>
  eventually(async () => ((await statusOf(id)) === status ? true : undefined), `${id} is ${status}`);
const voteOn = (person: Person, { id, digest }: { id: string; digest: string }, decision = "approve") =>
  person.make(`/approvals/${id}/votes`, { decision, digest, reason: "as the test says" });

test("a request appears by itself, is approved in a second browser, and is done in the first without a reload", async () => {
  const [mine, theirs] = [await signedIn(browser, requester.email), await signedIn(browser, one.email)];
  const inbox = await openPage(theirs, "/approvals");
  await inbox.getByText("Nothing waits for your decision").waitFor();
  await inbox.getByText("live").waitFor();
  const { id } = await ask("watched", { display_name: hostile, system_prompt: `Be kind.\n${hostile}` });
  const request = await openPage(mine, `/requests/${id}`);
  const steps = request.getByRole("list", { name: "What has happened" });
  await steps.getByText("Waits for approval").waitFor();

  await inbox.getByRole("link", { name: /Create agent watched/ }).click();
  const chosen = inbox.getByRole("region", { name: "The chosen request" });
  await chosen.getByText("Be kind.").waitFor();
  await chosen.getByText(hostile).first().waitFor();
  await chosen.getByText(requester.email).first().waitFor();
  await chosen.getByText("0 approvals so far, 1 by Approver needed.").waitFor();
  await expectSound(inbox);
  await chosen.getByRole("button", { name: "Approve" }).click();
  await chosen.getByLabel("Comment (optional)").fill("Looks right");
  await chosen.getByRole("button", { name: "Approve this" }).click();

  await steps.getByText("Looks right").waitFor();
  await steps.getByText("At the provider").waitFor();
  // What was chosen stays, as the server has it now, though it is in the list no longer.
  await chosen.getByText("applied", { exact: true }).waitFor();
  await inbox.getByText("Nothing waits for your decision").waitFor();
  await expectSound(request);
  for (const page of [inbox, request]) expect(await page.evaluate("window.stolen")).toBeUndefined();
  await Promise.all([mine.close(), theirs.close()]);
});

test.each(
  variant("on a narrow screen a request has its own page; a denial needs a reason, and the requester reads it"),
)("%s", async () => {
  const { id } = await ask("unwanted");
  const theirs = await signedIn(browser, one.email, narrow);
  const inbox = await openPage(theirs, "/approvals");
  await inbox.getByRole("link", { name: /Create agent unwanted/ }).waitFor();
  await expectSound(inbox);
  await inbox.getByRole("link", { name: /Create agent unwanted/ }).click();
  await inbox.waitForURL(`**/approvals/${id}`);
  await inbox.getByRole("button", { name: "Deny" }).click();
  await inbox.getByRole("button", { name: "Deny this" }).click();
  await inbox.getByText("Say why: the requester will read it.").waitFor();
  expect(await statusOf(id)).toBe("pending");
  await inbox.getByLabel(/Reason/).fill("There is one already");
  await inbox.getByRole("button", { name: "Deny this" }).click();
  await inbox.getByText("denied", { exact: true }).waitFor();
  await expectSound(inbox);
  const mine = await signedIn(browser, requester.email, narrow);
  const request = await openPage(mine, `/requests/${id}`);
  await request.getByText("Not done: denied").waitFor();
  await request.getByText("There is one already").waitFor();
  await expectSound(request);
  await Promise.all([mine.close(), theirs.close()]);
});

test("nobody decides on their own request: there is no button, and a vote sent in spite of that is refused in words", async () => {
  const { id } = await ask("self-made", {}, both);
  const context = await signedIn(browser, both.email);
  const page = await openPage(context, `/approvals/${id}`);
  await page.getByText("You have asked for this yourself: somebody else has to decide.").waitFor();
  expect(await page.getByRole("button", { name: "Approve" }).count()).toBe(0);
  await page.route(`**/approvals/${id}`, async (route) => {
    if (route.request().resourceType() === "document") return route.continue();
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), can_vote: true } });
  });
  await page.reload();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("button", { name: "Approve this" }).click();
  await page.getByText("nobody decides on their own request", { exact: false }).waitFor();
  expect(await statusOf(id)).toBe("pending");
  await context.close();
});

test.each(variant("what is not exactly what was shown is not decided"))("%s", async () => {
  const { id } = await ask("moved-on");
  const context = await signedIn(browser, one.email);
  const page = await context.newPage();
  await page.route(`**/approvals/${id}`, async (route) => {
    if (route.request().resourceType() === "document") return route.continue();
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), digest: "0".repeat(64) } });
  });
  await page.goto(`/approvals/${id}`);
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("button", { name: "Approve this" }).click();
  await page.getByText("look at the change again before deciding", { exact: false }).waitFor();
  expect(await statusOf(id)).toBe("pending");
  // It changes while the decision is being typed: nothing is sent.
  await page.getByRole("button", { name: "Deny" }).click();
  await page.getByLabel(/Reason/).fill("No");
  await page.unroute(`**/approvals/${id}`);
  await ask("something-else");
  await page.getByText("It has changed while you were deciding").waitFor();
  expect(await page.getByRole("button", { name: "Deny this" }).count()).toBe(0);
  expect(await statusOf(id)).toBe("pending");
  await context.close();
});

test("everything can be done with the keyboard alone", async () => {
  const [approved, denied] = [await ask("by-keys-1"), await ask("by-keys-2")];
  const context = await signedIn(browser, one.email);
  const page = await openPage(context, "/approvals?q=by-keys");
  const [newer, older] = [
    page.getByRole("link", { name: /Create agent by-keys-2/ }),
    page.getByRole("link", { name: /Create agent by-keys-1/ }),
  ];
  await older.waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys of the inbox" }).waitFor();
  await expectSound(page);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });

  await page.keyboard.press("j");
  await page.getByRole("heading", { level: 2, name: /by-keys-2/ }).waitFor();
  expect(await newer.evaluate("document.activeElement?.textContent")).toContain("by-keys-2");
  await page.keyboard.press("d");
  await page.getByLabel(/Reason/).waitFor();
  // Keys are letters where one types.
  await page.keyboard.type("jax?");
  expect(await page.getByLabel(/Reason/).inputValue()).toBe("jax?");
  await page.keyboard.press("Enter");
  await decided(denied.id, "denied");
  await newer.waitFor({ state: "detached" });
  await page.getByRole("heading", { level: 2, name: /by-keys-2/ }).waitFor();

  await page.keyboard.press("j");
  await page.getByRole("heading", { level: 2, name: /by-keys-1/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("a");
  await page.getByLabel("Comment (optional)").waitFor();
  expect(await statusOf(approved.id)).toBe("pending");
  await page.keyboard.press("Escape");
  await page.getByLabel("Comment (optional)").waitFor({ state: "detached" });
  await page.keyboard.press("a");
  await page.getByLabel("Comment (optional)").waitFor();
  await page.keyboard.press("Enter");
  await decided(approved.id, "applied");
  expect(page.faults).toEqual([]);
  await context.close();
});

test.each(variant("several are decided one by one, and what is refused is said of each"))("%s", async () => {
  const asked = [await ask("many-1"), await ask("many-2"), await ask("many-3"), await ask("other-4")];
  const context = await signedIn(browser, one.email);
  const page = await openPage(context, "/approvals?q=many-");
  await page.getByRole("checkbox", { name: /many-3/ }).click();
  await page.getByRole("checkbox", { name: /many-1/ }).click({ modifiers: ["Shift"] });
  await page.getByText("3 selected").waitFor();
  await page.keyboard.press("d");
  const dialog = page.getByRole("dialog", { name: "Deny 3 requests" });
  const [first, second, third, other] = asked;
  if (first === undefined || second === undefined || third === undefined) throw new Error("not asked");
  // Somebody else is quicker with one of them.
  await voteOn(two, second, "approve");
  await decided(second.id, "applied");
  await dialog.getByLabel(/Reason/).fill("Not this quarter");
  await page.keyboard.press("Enter");
  await dialog.getByText("2 done, 1 refused.").waitFor();
  const refused = dialog.getByRole("listitem").first();
  await refused.getByText("many-2", { exact: false }).waitFor();
  await refused.getByText("the request is already applied", { exact: false }).waitFor();
  await expectSound(page);
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await page.getByText("Nothing like this").waitFor();
  expect(await Promise.all([first, second, third].map(({ id }) => statusOf(id)))).toEqual([
    "denied",
    "applied",
    "denied",
  ]);
  expect(await statusOf(other?.id ?? "")).toBe("pending");
  await context.close();
});

test.each(variant("where several policies bind, it waits until each has its approvals, and says so to who has voted"))(
  "%s",
  async () => {
    const pending = await ask("thrice", { ou: `${organisation.root}/doubly` });
    const context = await signedIn(browser, one.email);
    const page = await openPage(context, `/approvals?tab=pending&at=${pending.id}`);
    await page.getByText(/Policies .*doubly-policy.*: 0 approvals so far, 2 by Approver needed\./).waitFor();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByRole("button", { name: "Approve this" }).click();
    await page.getByText("You have voted. It waits for others.").waitFor();
    await page.getByText(/: 1 approval so far/).waitFor();
    await voteOn(two, pending);
    await page.getByText(/: 2 approvals so far, 1 by OrgAdmin needed/).waitFor();
    await voteOn(organisation.admin, pending);
    const chosen = page.getByRole("region", { name: "The chosen request" });
    await chosen.getByText("applied", { exact: true }).waitFor();
    expect(page.faults).toEqual([]);
    await context.close();
  },
);

test.each(variant("the list is narrowed by its address, and the address by its fields"))("%s", async () => {
  await ask("needle");
  const done = await ask("done");
  await voteOn(two, done);
  await decided(done.id, "applied");
  const unwanted = await ask("turned-down");
  await voteOn(two, unwanted, "deny");
  await decided(unwanted.id, "denied");
  const context = await signedIn(browser, one.email);
  const page = await openPage(context, `/approvals?tab=pending&q=needle&requester=${requester.email}&kind=operation`);
  await page.getByRole("link", { name: /Create agent needle/ }).waitFor();
  expect(await page.getByRole("listitem").filter({ hasText: "Create agent" }).count()).toBe(1);
  await page.getByRole("textbox", { name: "Search" }).fill("no-such-thing");
  await page.getByText("Nothing like this").waitFor();
  await page.waitForURL(/q=no-such-thing/);
  await page.getByRole("button", { name: "Clear: Search" }).click();
  await page.getByRole("link", { name: /Create agent needle/ }).waitFor();
  await page.getByRole("tab", { name: /Decided/ }).click();
  await page.waitForURL(/tab=decided/);
  await page.getByRole("link", { name: /Create agent done/ }).waitFor();
  await page.getByRole("link", { name: /Create agent turned-down/ }).waitFor();
  await page.getByLabel("Outcome", { exact: true }).first().click();
  await page.getByRole("option", { name: /^denied/ }).click();
  await page.waitForURL(/outcome=denied/);
  await page.getByRole("link", { name: /Create agent done/ }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: /Create agent turned-down/ }).waitFor();
  await context.close();
});

test.each(variant("who may read no approvals finds an empty inbox, and nothing behind a link"))("%s", async () => {
  const { id } = await ask("hidden");
  const nobody = await organisation.person("nobody", {});
  const context = await signedIn(browser, nobody.email);
  const page = await openPage(context, "/approvals?tab=pending");
  await page.getByText("Nothing waits that you may see").waitFor();
  await page.goto(`/approvals/${id}`);
  await page
    .getByRole("alert")
    .getByText(/No approval request found/)
    .waitFor();
  expect(await page.getByText("hidden").count()).toBe(0);
  await context.close();
});
