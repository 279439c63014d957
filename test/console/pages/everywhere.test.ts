import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { diceOf } from "../../integration/conversations/pools.ts";
import { everything } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation, testSeed } from "../../support/organisation.ts";
import { launchBrowser, openPage, signedIn } from "../../support/real-browser.ts";

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
/** Half of them, drawn anew each time; `npm run test:long` takes all. */
const visited = () => (everything ? pages : dice.draw(pages, Math.ceil(pages.length / 2)));

beforeAll(async () => {
  [browser, home] = await Promise.all([launchBrowser(), makeOrganisation("everywhere")]);
  pages = await plant(home);
});

afterAll(() => browser.close());

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
  const session = String((await eve.make(`/agents/${agent}/invoke`, { prompt: all }))["session_id"]);
  const last = (await admin.get<{ data: { position: number }[] }>("/audit?limit=1")).data[0]?.position ?? 1;
  return [
    "/",
    "/agents",
    `/agents/${agent}`,
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
  expect(seen).toBeGreaterThan(paths.length / 2);
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
