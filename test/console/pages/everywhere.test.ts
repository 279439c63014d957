import type { Browser } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { diceOf } from "../../integration/conversations/pools.ts";
import { everything, variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation, testSeed } from "../../support/organisation.ts";
import { openPage, signedIn, theBrowser } from "../../support/real-browser.ts";
import { synced } from "../../support/sessions.ts";

/** Markup and scripts in the ways they get into pages. What runs sets `hacked`, and a picture that loads breaks the policy. */
const corpus = [
  `<script>globalThis.hacked = 1</script>`,
  `<img src=x onerror="globalThis.hacked = 1">`,
  `"><svg onload=globalThis.hacked=1>`,
  `javascript:globalThis.hacked=1`,
  `[click](javascript:globalThis.hacked=1)`,
  `{{constructor.constructor('globalThis.hacked=1')()}}`,
  `<a href="data:text/html,<script>globalThis.hacked=1</script>">a</a>`,
  `</title></style></textarea><iframe srcdoc="<script>top.hacked=1</script>">`,
];
const all = corpus.join(" ");
const marked = `${corpus[1]} ${corpus[2]}`;

let browser: Browser;
let home: TestOrganisation;
let pages: string[];
const dice = diceOf(testSeed());
/** An agent's page, which shows many, and a quarter of all, drawn anew each time; `npm run test:long` takes all. */
const visited = () => {
  const [agent, ...others] = pages;
  return everything || agent === undefined ? pages : [agent, ...dice.draw(others, Math.ceil(pages.length / 4))];
};

beforeAll(async () => {
  [browser, home] = await Promise.all([theBrowser(), makeOrganisation("everywhere")]);
  pages = await plant(home);
});

/** Other people's words in every place that takes some. */
async function plant(organisation: TestOrganisation): Promise<string[]> {
  const { admin, root } = organisation;
  const id = (made: Record<string, unknown>) => String(made["id"]);
  await admin.make("/ous", { parent: root, name: "team", display_name: marked });
  const ou = `${root}/team`;
  const eve = await organisation.person("eve", { name: marked, roles: [{ role: "AgentBuilder", ou }] });
  const group = id(await admin.make("/groups", { name: "sellers", display_name: marked, ou }));
  const server = id(
    await admin.make("/mcp-servers", {
      name: "crm",
      display_name: marked,
      description: all,
      ou,
      url: "http://127.0.0.1:9/mcp",
    }),
  );
  const skill = id(await admin.make("/skills", { name: "research", description: all, ou, content: all }));
  const agent = id(
    await eve.make("/agents", { name: "writer", ou, display_name: marked, description: all, system_prompt: all }),
  );
  const policy = id(
    await admin.make("/approval-policies", {
      name: "all-agents",
      ou,
      operations: ["agent.create", "agent.update"],
      approver_role: "OrgAdmin",
    }),
  );
  const waiting = id(
    (await eve.send("POST", "/agents", { name: "reader", ou, display_name: marked, system_prompt: all })).body,
  );
  const denied = id((await eve.send("PATCH", `/agents/${agent}`, { system_prompt: `${all} changed` })).body);
  const { digest } = await admin.get<{ digest: string }>(`/approvals/${denied}`);
  await admin.make(`/approvals/${denied}/votes`, { decision: "deny", digest, reason: all });
  const run = id(await eve.make("/runs", { task: all, ou, budget: { tokens: 20_000 } }));
  await synced(eve, agent);
  const session = String((await eve.make(`/agents/${agent}/invoke`, { prompt: all }))["session_id"]);
  const last = (await admin.get<{ data: { position: number }[] }>("/audit?limit=1")).data[0]?.position ?? 1;
  return [
    `/agents/${agent}`,
    "/",
    "/agents",
    `/agents/${agent}?tab=history`,
    `/agents/${agent}/edit`,
    "/sessions?whose=all",
    `/sessions/${session}`,
    "/approvals?tab=pending",
    `/approvals/${waiting}`,
    "/requests",
    `/requests/${denied}`,
    "/approval-policies",
    `/approval-policies/${policy}`,
    "/runs",
    `/runs/${run}`,
    "/ous",
    "/users",
    `/users/${eve.email}`,
    "/groups",
    `/groups/${group}`,
    "/bindings",
    "/authority/explain",
    "/governance",
    "/skills",
    `/skills/${skill}`,
    "/mcp-servers",
    `/mcp-servers/${server}`,
    "/audit",
    `/audit/${last}`,
  ];
}

test("other people's words are text on every page, and nothing in them runs", async () => {
  const context = await signedIn(browser, home.admin.email);
  const page = await openPage(context, "/");
  page.on("dialog", (dialog) => void dialog.dismiss().then(() => page.faults.push(`dialog: ${dialog.message()}`)));
  const paths = visited();
  let seen = 0;
  for (const path of paths) {
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await page
      .locator("[aria-busy=true]")
      .waitFor({ state: "detached" })
      .catch(() => undefined);
    seen += await page.getByText(/onerror="globalThis\.hacked/).count();
    expect(await page.evaluate("globalThis.hacked"), path).toBeUndefined();
    expect(
      await page.locator("iframe, img[src=x], svg[onload], a[href^='javascript'], a[href^='data']").count(),
      path,
    ).toBe(0);
  }
  // They were there to be seen, as text.
  expect(seen).toBeGreaterThan(everything ? paths.length / 2 : 2);
  expect(page.faults).toEqual([]);
  await context.close();
});

test("somebody without rights is told so on every page, sees nothing of what there is, and no page breaks", async () => {
  const nobody = await home.person("nobody", { name: "Nora Nobody" });
  const context = await signedIn(browser, nobody.email, { width: 390, height: 844 });
  const page = await openPage(context, "/");
  const paths = visited();
  for (const path of paths) {
    await page.goto(path);
    const main = page.getByRole("main");
    await main.waitFor();
    await page
      .locator("[aria-busy=true]")
      .waitFor({ state: "detached" })
      .catch(() => undefined);
    const text = await main.innerText();
    expect(text.trim().length, path).toBeGreaterThan(0);
    expect(text, path).not.toMatch(/hacked|all-agents|sellers|This page broke/);
    expect(await main.getByRole("button", { name: /^(Approve|Delete|Take back|Verify now)$/ }).count(), path).toBe(0);
  }
  expect(page.faults).toEqual([]);
  await context.close();
});

test.each(variant("what was sent and never answered is sent again as the same, and done once"))("%s", async () => {
  const context = await signedIn(browser, home.admin.email);
  const page = await openPage(context, "/groups");
  const keys: (string | undefined)[] = [];
  await page.route(
    (url) => url.pathname === "/groups" && url.search === "",
    async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      const answer = await route.fetch();
      // Done, but the answer is lost on its way.
      return keys.length === 1 ? route.abort() : route.fulfill({ response: answer });
    },
  );
  await page.getByRole("button", { name: "New group" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: false }).first().fill("asked-twice");
  await dialog.getByLabel("OU").first().fill(home.root);
  await dialog.getByText("This will be done at once").waitFor();
  await dialog.getByRole("button", { name: "Create the group" }).click();
  await dialog.getByText("Powerloom cannot be reached.").waitFor();
  await dialog.getByRole("button", { name: "Create the group" }).click();
  await page.waitForURL(/\/groups\/[0-9a-f-]{36}$/);
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(keys[0]);
  await context.close();
});

test("in a window where somebody else has signed in meanwhile, nothing is done in their name", async () => {
  const other = await home.person("other", { name: "Otto Other", roles: [{ role: "OrgAdmin", ou: home.root }] });
  const context = await signedIn(browser, home.admin.email);
  const page = await openPage(context, "/groups");
  await page.getByRole("button", { name: "New group" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: false }).first().fill("by-whom");
  await dialog.getByLabel("OU").first().fill(home.root);
  await dialog.getByText("This will be done at once").waitFor();
  // What the page is told of by itself comes after the click.
  await page.route("**/events*", (route) => route.abort());
  const { origin } = new URL(page.url());
  await context.request.post(`${origin}/sign-in/dev`, {
    data: { email: other.email },
    headers: { origin, "powerloom-console": "1" },
  });
  await dialog.getByRole("button", { name: "Create the group" }).click();
  await page.getByRole("button", { name: "Account of Otto Other" }).waitFor();
  const { data } = await home.admin.get<{ data: { name: string }[] }>("/groups?limit=200");
  expect(data.map(({ name }) => name)).not.toContain("by-whom");
  await context.close();
});

test.each(variant("what is no longer one's own to see is gone from the screen as soon as it is asked for anew"))(
  "%s",
  async () => {
    const { admin, root } = home;
    const viewer = await home.person("looker", { roles: [{ role: "Viewer", ou: root }] });
    const { id } = await admin.make<{ id: string }>("/groups", { name: "soon-hidden", ou: root });
    const context = await signedIn(browser, viewer.email);
    const page = await openPage(context, `/groups/${id}`);
    await page.getByText("soon-hidden").first().waitFor();
    await page.getByText("● live").waitFor();
    await context.setOffline(true);
    await page.getByText("offline: what is shown may be old").waitFor();
    expect(await page.getByRole("main").innerText()).toContain("soon-hidden");
    const { data } = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${viewer.email}`);
    for (const binding of data) await admin.send("DELETE", `/bindings/${binding.id}`);
    await context.setOffline(false);
    await page.getByText("● live").waitFor();
    await page.getByRole("alert").first().waitFor();
    expect(await page.getByRole("main").innerText()).not.toContain("soon-hidden");
    await context.close();
  },
);

test.each(variant("an address that makes no sense is told so, and breaks no page"))("%s", async () => {
  const context = await signedIn(browser, home.admin.email);
  const page = await openPage(context, "/");
  for (const path of [
    "/sign-in?error=__proto__&return_to=//example.org",
    "/agents/%00",
    "/agents/%E0%A4%A",
    "/approvals?tab=%00&outcome=none&kind=__proto__&q=%00&at=nothing",
    "/audit?from=yesterday&outcome=none",
    "/audit/1e3",
    "/users/a%2Fb?tab=constructor",
    "/ous?path=/nowhere",
    "//example.org/agents",
  ]) {
    await page.goto(new URL(page.url()).origin + path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await page.getByText("This page broke").waitFor({ state: "detached" });
    expect(page.faults, path).toEqual([]);
  }
  await context.close();
});

test.each(
  variant("windows that nobody looks at follow nothing, so that many of them leave connections to the one looked at"),
)("%s", async () => {
  const context = await signedIn(browser, home.admin.email);
  const page = await openPage(context, "/groups");
  await page.getByText("● live").waitFor();
  const look = (state: "visible" | "hidden") =>
    page.evaluate(
      `Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "${state}" });
       document.dispatchEvent(new Event("visibilitychange"))`,
    );
  const left = page.waitForEvent("requestfailed", (request) => new URL(request.url()).pathname === "/events");
  await look("hidden");
  await left;
  const name = `unseen-${Date.now()}`;
  await home.admin.make("/groups", { name, ou: home.root });
  await look("visible");
  await page.getByRole("link", { name }).waitFor();
  await page.getByText("● live").waitFor();
  expect(page.faults).toEqual([]);
  await context.close();
});

test.each(variant("what is not among the first two hundred is found by typing its name, and stays chosen"))(
  "%s",
  async () => {
    const make = (name: string) => home.admin.make("/groups", { name, ou: home.root });
    for (let ten = 0; ten < 21; ten += 1)
      await Promise.all(Array.from({ length: 10 }, (_, one) => make(`many-${ten}-${one}`)));
    await make("zz-last");
    const context = await signedIn(browser, home.admin.email);
    const page = await openPage(context, "/bindings");
    await page.getByRole("button", { name: "Give a role" }).first().click();
    const group = page.getByRole("dialog").getByLabel("Group").first();
    await group.fill("zz-l");
    const label = `zz-last (${home.root})`;
    await page.getByRole("option", { name: label }).click();
    // The list is the first two hundred again.
    await group.click();
    await page
      .getByRole("option", { name: /^many-/ })
      .first()
      .waitFor();
    await group.blur();
    expect(await group.inputValue()).toBe(label);
    await context.close();
  },
);
