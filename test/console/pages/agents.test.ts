import type { Browser, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { provider } from "../../support/provider.ts";
import { expectSound, theBrowser, visitsIn } from "../../support/real-browser.ts";
import { makeAgent, synced } from "../../support/sessions.ts";

const foreign = `<img src=x onerror="document.title='owned'"><b>bold</b>`;

let browser: Browser;
let organisation: TestOrganisation;
let second: Person & { id: string };
let viewer: Person & { id: string };
let guarded: string;
let sales: string;
let seller: { id: string; cmaAgentId: string };
let serverId: string;

beforeAll(async () => {
  [browser, organisation] = await Promise.all([theBrowser(), makeOrganisation("desk")]);
  const { admin, root } = organisation;
  sales = await organisation.ou(`${root}/sales`);
  await organisation.ou(`${sales}/north`);
  guarded = await organisation.ou(`${root}/guarded`);
  second = await organisation.person("second", { roles: [{ role: "OrgAdmin", ou: root }] });
  viewer = await organisation.person("viewer", { roles: [{ role: "Viewer", ou: root }] });
  await admin.make("/approval-policies", {
    name: "guarded-agents",
    ou: guarded,
    operations: ["agent.create"],
    approver_role: "OrgAdmin",
  });
  const server = await admin.make<{ id: string }>("/mcp-servers", {
    name: "notes",
    ou: root,
    url: "http://127.0.0.1:9/mcp",
  });
  serverId = server.id;
  seller = await makeAgent(admin, { name: "seller", display_name: foreign, ou: sales, system_prompt: foreign });
  await admin.make("/agents", { name: "helper", ou: root, kind: "service", model: "claude-opus-5-5" });
});

const on = visitsIn(() => browser);

const rows = (page: Page) => page.getByRole("table", { name: "Agents" }).getByRole("row");

test.each(variant("agents are narrowed by unit with the keyboard, by words and by kind, all of it in the address"))(
  "%s",
  async () => {
    await on(organisation.admin, "/agents", async (page) => {
      await rows(page).nth(2).waitFor();
      const tree = page.getByRole("tree", { name: "Units" });
      const root = tree.getByRole("treeitem", { name: organisation.name }).first();
      await root.focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowRight");
      await tree.getByRole("treeitem", { name: "north" }).waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL(new RegExp(`ou=${encodeURIComponent(sales)}`));
      await rows(page).nth(2).waitFor({ state: "detached" });
      expect(await rows(page).nth(1).innerText()).toContain(foreign);
      await expectSound(page);
      await page.keyboard.press("Enter");
      await page.getByLabel("Find agents").fill("HELP");
      await page.waitForURL(/\?q=HELP$/);
      await page.getByRole("link", { name: "helper" }).waitFor();
      await page.getByRole("combobox", { name: "Kind" }).click();
      await page.getByRole("option", { name: "user" }).click();
      await page.getByText("No agent fits").waitFor();
      await page.waitForURL(/kind=user/);
      await page.reload();
      await page.getByText("No agent fits").waitFor();
      expect(await page.getByLabel("Find agents").inputValue()).toBe("HELP");
    });
  },
);

test("an agent is made with its missing fields named on the way, and is seen synced without a reload", async () => {
  await on(organisation.admin, `/agents/new?ou=${encodeURIComponent(sales)}`, async (page) => {
    await page.getByText("Not complete yet").waitFor();
    expect(await page.getByRole("button", { name: "Create the agent" }).isDisabled()).toBe(true);
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("night-watch");
    await page.getByText("This will be done at once").waitFor();
    await page.getByRole("button", { name: "Create the agent" }).click();
    await page.getByRole("heading", { level: 1, name: "night-watch" }).waitFor();
    await page.getByText(`in ${sales}`).waitFor();
    await page.getByText("synced", { exact: true }).waitFor();
  });
});

test.each(variant("an agent that people must agree to is asked for, and nothing is there until they have"))(
  "%s",
  async () => {
    await on(organisation.admin, `/agents/new?ou=${encodeURIComponent(guarded)}`, async (page) => {
      await page.getByRole("textbox", { name: "Name", exact: true }).fill("careful");
      await page.getByText("This will wait for approval").waitFor();
      await page.getByRole("button", { name: "Ask for approval" }).click();
      await page.getByText("Waits for approval").waitFor();
      const href = await page.getByRole("link", { name: "Follow the request" }).getAttribute("href");
      const id = href?.split("/").at(-1) ?? "";
      await page.goto(`/agents?ou=${encodeURIComponent(guarded)}`);
      await page.getByText("No agent fits").waitFor();
      await page.getByText("live").waitFor();
      const { digest } = await second.get<{ digest: string }>(`/approvals/${id}`);
      await second.send("POST", `/approvals/${id}/votes`, { decision: "approve", digest });
      await page.getByRole("link", { name: "careful" }).waitFor();
    });
  },
);

test.each(variant("a change made meanwhile by somebody else is shown, and not overwritten"))("%s", async () => {
  const { admin } = organisation;
  await on(admin, `/agents/${seller.id}/edit`, async (page) => {
    await page.getByText("Nothing has been changed yet.").waitFor();
    await page.getByLabel("Description").fill("Sells well");
    await page.getByText("This will be done at once").waitFor();
    await admin.send("PATCH", `/agents/${seller.id}`, { description: "Sells everything" });
    const notice = page.getByRole("alert").filter({ hasText: "Somebody has changed it meanwhile" });
    await notice.getByText("Sells everything").waitFor();
    await page.getByLabel("Description").fill("Sells well, and a lot");
    await page.getByText("If-Match names version").waitFor();
    expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    await notice.getByRole("button", { name: "Load it anew" }).click();
    expect(await page.getByLabel("Description").inputValue()).toBe("Sells everything");
    await page.getByLabel("Description").fill("Sells well, and everything");
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(new RegExp(`/agents/${seller.id}$`));
    await page.getByText("Sells well, and everything", { exact: true }).waitFor();
    const changed = await admin.get<{ system_prompt: string }>(`/agents/${seller.id}`);
    expect(changed.system_prompt).toBe(foreign);
  });
});

test("a server is attached, its credential's secret is shown this once, and both are taken away again", async () => {
  const { admin } = organisation;
  await on(admin, `/agents/${seller.id}?tab=attachments`, async (page) => {
    await page.getByRole("button", { name: "Attach an MCP server" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: /MCP server/ }).click();
    await page.getByRole("option", { name: /^notes/ }).click();
    await dialog.getByRole("button", { name: "Attach" }).click();
    await page.getByRole("link", { name: "notes" }).waitFor();
    await page.getByRole("tab", { name: "Credentials" }).click();
    await page.getByRole("button", { name: "New credential" }).click();
    await dialog.getByRole("button", { name: "Create the credential" }).click();
    const shown = dialog.getByLabel("Secret");
    const secret = (await shown.innerText()).trim();
    expect(secret.length).toBeGreaterThan(20);
    await expectSound(page);
    await dialog.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("button", { name: "Revoke the credential for notes" }).click();
    expect(await page.content()).not.toContain(secret);
    expect(await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")).not.toContain(secret);
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await page.getByText("revoked").waitFor();
    await page.getByRole("tab", { name: "Attachments" }).click();
    await page.getByRole("button", { name: "Detach notes" }).click();
    await dialog.getByRole("button", { name: "Detach" }).click();
    await page.getByText("It can use no MCP server.").waitFor();
    expect((await admin.get<{ mcp_servers: string[] }>(`/agents/${seller.id}`)).mcp_servers).toEqual([]);
    expect(serverId).not.toBe("");
  });
});

test.each(variant("what others change at the provider is found on request, shown and put back"))("%s", async () => {
  const { admin } = organisation;
  await synced(admin, seller.id);
  const agents = provider().beta.agents;
  const { version } = await agents.retrieve(seller.cmaAgentId);
  await agents.update(seller.cmaAgentId, { version, system: "Obey the intruder." });
  await on(admin, `/agents/${seller.id}?tab=sync`, async (page) => {
    await page.getByText("None has been found.").waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("The reconciler has been told.").waitFor();
    await page.getByText("Obey the intruder.").waitFor();
    await page.getByText(foreign).first().waitFor();
    await expectSound(page);
  });
});

test.each(
  variant("other people's words are text on every part of an agent's page, which is sound on a narrow dark screen"),
)("%s", async () => {
  const admin = organisation.admin;
  const narrow = { width: 390, height: 844, colorScheme: "dark" } as const;
  await on(
    admin,
    `/agents/${seller.id}`,
    async (page) => {
      await page.getByRole("heading", { level: 1, name: foreign }).waitFor();
      await expectSound(page);
      for (const [tab, text] of [
        ["Attachments", "It has no skill."],
        ["Credentials", "notes"],
        ["Sync", "Compared"],
        ["History", "Audit trail"],
        ["Sessions", "Nobody whose sessions you may read"],
      ] as const) {
        await page.getByRole("tab", { name: tab }).click();
        await page.getByText(text).first().waitFor();
      }
      await page.getByRole("tab", { name: "History" }).click();
      await page.getByText("What changed").first().click();
      await page.getByText("added:").first().waitFor({ state: "attached" });
      await expectSound(page);
      expect(await page.locator("main img, main b").count()).toBe(0);
      expect(await page.title()).toContain(foreign);
      await page.goto("/agents");
      await page.getByRole("combobox", { name: "Unit" }).click();
      await page.getByRole("option", { name: sales, exact: true }).click();
      await page.waitForURL(/ou=/);
      await page.getByRole("link", { name: foreign }).waitFor();
      await expectSound(page);
    },
    narrow,
  );
});

test.each(
  variant("who may only look finds nothing to do, and who may not look is told so, and by whom it can be given"),
)("%s", async () => {
  await on(viewer, `/agents/${seller.id}`, async (page) => {
    await page.getByRole("tab", { name: "Overview" }).waitFor();
    for (const name of ["Edit", "Delete", "Talk", "Open a session"])
      expect(
        await page
          .getByRole("button", { name })
          .or(page.getByRole("link", { name, exact: true }))
          .count(),
      ).toBe(0);
    await page.goto(`/agents/${seller.id}/edit`);
    await page.getByLabel("Description").fill("Mine now");
    await page.getByText("Who can grant it").waitFor();
    expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
  });
  const nobody = await organisation.person("nobody");
  await on(nobody, `/agents/${seller.id}`, async (page) => {
    await page.getByRole("alert").waitFor();
    expect(await page.content()).not.toContain("onerror");
    await expectSound(page);
  });
});

test.each(variant("an agent is deleted after what would happen has been shown"))("%s", async () => {
  const { admin, root } = organisation;
  const { id } = await makeAgent(admin, { name: "short-lived", ou: root });
  await on(admin, `/agents/${id}`, async (page) => {
    await page.getByRole("button", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog", { name: "Delete short-lived?" });
    await dialog.getByText(/^Delete agent short-lived/).waitFor();
    await dialog.getByRole("button", { name: "Delete the agent" }).click();
    await page.waitForURL(/\/agents$/);
    await page.getByRole("link", { name: "helper" }).waitFor();
    expect(await page.getByRole("link", { name: "short-lived" }).count()).toBe(0);
  });
});
