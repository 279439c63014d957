import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { acme, seedOrganisation } from "../../../demo/seed.ts";
import { query } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { giveScript, releaseWords } from "../../support/provider.ts";
import { expectSound, openPage, signedIn, theBrowser } from "../../support/real-browser.ts";
import { bootstrap, invoke, makeAgent, sessionIn, synced } from "../../support/sessions.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

const foreign = `<img src=x onerror="document.title='owned'">`;

let browser: Browser;
let organisation: TestOrganisation;
let tools: ToolServer;
let metaId: string;
let scribeId: string;
let speakerId: string;
let second: Person & { id: string };
let emma: Person & { id: string };

beforeAll(async () => {
  [browser, organisation, tools] = await Promise.all([theBrowser(), makeOrganisation("chat"), startToolServer()]);
  const { admin, name, root } = organisation;
  const ours = (path: string) => path.replace(/^\/acme/, root);
  // Apollo and Gmail are only wired here; what is called are the notes.
  await seedOrganisation(admin, {
    organisation: name,
    ous: acme.ous.map((ou) => ({ ...ou, path: ours(ou.path) })),
    people: acme.people
      .filter(({ email }) => /^(ben|vera)@/.test(email))
      .map((person) => ({
        ...person,
        email: person.email.replace("acme.com", `${name}.test`),
        ou: ours(person.ou),
        roles: person.roles.map(({ role, ou }) => ({ role, ou: ours(ou) })),
      })),
    servers: acme.servers.map((server) => ({ ...server, ou: ours(server.ou) })),
    skills: acme.skills.map((skill) => ({ ...skill, ou: ours(skill.ou) })),
    policies: acme.policies.map((policy) => ({ ...policy, ou: ours(policy.ou) })),
  });
  emma = await organisation.person("emma", {
    name: "Emma Laurent",
    ou: `${root}/sales`,
    roles: [{ role: "AgentUser", ou: root }],
  });
  second = await organisation.person("second", { roles: [{ role: "OrgAdmin", ou: root }] });
  ({ agentId: metaId } = await bootstrap(admin, root));
  await synced(admin, metaId);
  const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
  ({ id: scribeId } = await makeAgent(admin, { name: "scribe", ou: root }));
  await admin.make(`/agents/${scribeId}/mcp-servers`, { mcp_server_id: server.id });
  await admin.make(`/agents/${scribeId}/credentials`, { mcp_server_id: server.id });
  const note = (text: string, tool = "note") => ({ call: { server: "notes", tool, input: { text } } });
  await giveScript(await synced(admin, scribeId), [
    { say: `First. ${foreign}` },
    note("one"),
    note("two", "held_note"),
    note("three"),
    { say: "All noted." },
  ]);
  ({ id: speakerId } = await makeAgent(admin, { name: "speaker", ou: root }));
  await admin.make(`/agents/${speakerId}/mcp-servers`, { mcp_server_id: server.id });
  await admin.make(`/agents/${speakerId}/credentials`, { mcp_server_id: server.id });
  await giveScript(await synced(admin, speakerId), [
    note("ready", "held_note"),
    // Held in the middle: after "as they".
    { say: `Words come ${foreign} as they and it is told in full.`, held: true },
  ]);
});

afterAll(async () => {
  await tools.close();
});

async function as(
  person: Pick<Person, "email">,
  path: string,
  look: (page: Page & { faults: string[] }, context: BrowserContext) => Promise<void>,
  window: Parameters<typeof signedIn>[2] = {},
): Promise<void> {
  const context = await signedIn(browser, person.email, window);
  try {
    await look(await openPage(context, path), context);
  } finally {
    await context.close();
  }
}

const log = (page: Page) => page.getByRole("log", { name: "Conversation" });
const call = (page: Page, tool: string) => log(page).locator("summary").filter({ hasText: tool });

/** Lets the call that a session waits with go on, as soon as it has come. */
const releaseWhenHeld = async (before: number) => {
  await eventually(
    async () => tools.calls.slice(before).some(({ tool }) => tool === "held_note") || undefined,
    "the held call has come",
  );
  tools.release();
};

test("a request in plain words becomes an agent that is synced, before the eyes of who asked for it", async () => {
  await as(organisation.admin, `/agents/${metaId}`, async (page) => {
    const box = page.getByRole("textbox", { name: "What do you need?" });
    await page.getByRole("button", { name: /^Set up a scoped sales-prospecting agent/ }).click();
    expect(await box.inputValue()).toContain("for Emma");
    await box.press("Enter");
    await page.waitForURL(/\/sessions\/[0-9a-f-]{36}$/);
    await log(page).getByText("Set up a scoped sales-prospecting agent for Emma").waitFor();
    await call(page, "create_agent").getByText("done").waitFor();
    for (const tool of ["list_ous", "list_mcp_servers", "attach_mcp_server_to_agent", "create_credential"])
      await call(page, tool).first().getByText("done").waitFor();
    await log(page)
      .getByText(/^Done\. Agent|created in/)
      .first()
      .waitFor();
    await page.getByText("The agent has answered.").waitFor();
    await call(page, "create_agent").click();
    await log(page).getByText('"ou": ').first().waitFor();
    await expectSound(page);
    await log(page).getByRole("link", { name: "Open the agent" }).first().click();
    await page.getByRole("heading", { level: 1, name: /prospecting/i }).waitFor();
    await page.getByText("synced", { exact: true }).waitFor();
    await page.getByRole("tab", { name: "Attachments" }).click();
    for (const server of ["apollo-mcp", "gmail-mcp"]) await page.getByRole("link", { name: server }).waitFor();
  });
});

test.each(variant("a refusal is shown in the conversation as the API has said it"))("%s", async () => {
  const vera = { email: `vera@${organisation.name}.test` };
  await as(
    vera,
    `/agents/${metaId}#talk`,
    async (page) => {
      await page
        .getByRole("textbox", { name: "What do you need?" })
        .fill(`Create a log-review agent in ${organisation.root}/production for Vera with Apollo access`);
      await page.getByRole("button", { name: "Open a session" }).click();
      await log(page).getByText("403 Insufficient permissions").waitFor();
      await log(page)
        .getByText(/You need `agent:create` on/)
        .first()
        .waitFor();
      await call(page, "create_agent").getByText("failed").waitFor();
      await page.getByText("The agent has answered.").waitFor();
      await expectSound(page);
    },
    { width: 390, height: 844, colorScheme: "dark" },
  );
});

test.each(
  variant("what waits for approval is a card that follows the decision, and the conversation goes on after it"),
)("%s", async () => {
  const prompt = `Create a deploy-watch agent in ${organisation.root}/production for Ben with Apollo access`;
  const id = await invoke(organisation.admin, metaId, { prompt });
  await as(organisation.admin, `/sessions/${id}`, async (page) => {
    const link = log(page).getByRole("link", { name: "Open the approval" });
    await link.waitFor();
    await log(page).getByText("pending", { exact: true }).waitFor();
    await page.getByText("The agent has answered.").waitFor();
    const requestId = (await link.getAttribute("href"))?.split("/").at(-1) ?? "";
    const { digest } = await second.get<{ digest: string }>(`/approvals/${requestId}`);
    await second.send("POST", `/approvals/${requestId}/votes`, { decision: "approve", digest });
    await log(page).getByText("applied", { exact: true }).waitFor();
    await log(page)
      .getByText(/^\[powerloom\] request|request req_.* applied/)
      .first()
      .waitFor();
    await call(page, "create_credential").getByText("done").waitFor();
    await expectSound(page);
  });
});

test.each(variant("a connection that breaks is taken up again where it was, and each thing said is there once"))(
  "%s",
  async () => {
    const before = tools.calls.length;
    const id = await invoke(emma, scribeId);
    await as(emma, `/sessions/${id}`, async (page, context) => {
      await log(page).getByText(foreign).waitFor();
      await call(page, "held_note").waitFor();
      await context.setOffline(true);
      await page.getByText("The connection is broken").waitFor();
      await releaseWhenHeld(before);
      await sessionIn(emma, id, "idle");
      expect(await log(page).getByText("All noted.").count()).toBe(0);
      await context.setOffline(false);
      await log(page).getByText("All noted.").waitFor();
      await page.getByText("The agent has answered.").waitFor();
      expect(await log(page).locator("summary").allInnerTexts()).toEqual([
        expect.stringContaining("notes.note"),
        expect.stringContaining("notes.held_note"),
        expect.stringContaining("notes.note"),
      ]);
      expect(await log(page).getByText(foreign).count()).toBe(1);
      expect(await page.locator("main img").count()).toBe(0);
      expect(await page.title()).not.toBe("owned");
    });
  },
);

test("words are there as they come, and the message in full takes their place", async () => {
  const before = tools.calls.length;
  const id = await invoke(emma, speakerId);
  await as(emma, `/sessions/${id}`, async (page) => {
    await call(page, "held_note").getByText("running").waitFor();
    await releaseWhenHeld(before);
    const growing = log(page).locator("[aria-live=off]");
    await growing.getByText("Words come").waitFor();
    expect(await growing.innerText()).toContain("speaker is saying");
    // The rest is held back where they come from: this is of a message that there is not.
    expect(await log(page).innerText()).not.toContain("told in full");
    expect(await query("select 1 from session_events where session_id = $1 and type = 'agent.message'", [id])).toEqual(
      [],
    );
    expect(await page.locator("main img").count()).toBe(0);
    await expectSound(page);
    await releaseWords();
    await log(page).getByText("told in full.").waitFor();
    await page.getByText("The agent has answered.").waitFor();
    expect(await growing.count()).toBe(0);
    expect(await log(page).getByText("Words come").count()).toBe(1);
    await expectSound(page);
  });
});

test("a connection that dies without a word is noticed, and what was missed is shown once", async () => {
  const before = tools.calls.length;
  const id = await invoke(emma, scribeId);
  await as(emma, "/sessions", async (page, context) => {
    let swallowed = false;
    let connections = 0;
    await context.routeWebSocket(/\/stream\?/, (socket) => {
      connections += 1;
      const isFirst = connections === 1;
      const server = socket.connectToServer();
      server.onMessage((message) => (isFirst && swallowed ? undefined : socket.send(message)));
    });
    await page.clock.install();
    await page.goto(`/sessions/${id}`);
    await call(page, "held_note").getByText("running").waitFor();
    swallowed = true;
    await releaseWhenHeld(before);
    await sessionIn(emma, id, "idle");
    expect(await log(page).getByText("All noted.").count()).toBe(0);
    await page.clock.fastForward("00:45");
    await log(page).getByText("All noted.").waitFor();
    await call(page, "held_note").getByText("done").waitFor();
    // The list of events may be read anew before the second connection is there.
    await expect.poll(() => connections, { timeout: 20_000 }).toBe(2);
    expect(await log(page).getByText("All noted.").count()).toBe(1);
  });
});

test("a watcher whose right is taken away is told so, and sees nothing more of the session", async () => {
  const { admin, root } = organisation;
  const auditor = await organisation.person("auditor", { roles: [{ role: "Auditor", ou: root }] });
  const before = tools.calls.length;
  const id = await invoke(emma, scribeId);
  await as(auditor, `/sessions/${id}`, async (page) => {
    await call(page, "held_note").waitFor();
    await page.getByText(`Only ${emma.email}, for whom this session acts`).waitFor();
    expect(await page.getByRole("button", { name: "End" }).count()).toBe(0);
    const { data } = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${auditor.email}`);
    for (const binding of data) await admin.send("DELETE", `/bindings/${binding.id}`);
    await page.getByText("You may not see this session any more").waitFor();
    await releaseWhenHeld(before);
    await sessionIn(emma, id, "idle");
    expect(await page.locator("main").innerText()).not.toMatch(/note|All noted/);
    await expectSound(page);
  });
});

test.each(variant("a browser whose sign-in ends while it watches is led to sign in again"))("%s", async () => {
  const before = tools.calls.length;
  const id = await invoke(emma, scribeId);
  await as(emma, `/sessions/${id}`, async (page, context) => {
    await call(page, "held_note").waitFor();
    const { origin } = new URL(page.url());
    await context.request.post(`${origin}/sign-out`, { headers: { origin, "powerloom-console": "1" } });
    await page.waitForURL(/\/sign-in\?return_to=/);
  });
  await releaseWhenHeld(before);
});

test.each(variant("one says more, interrupts, and ends a session, which is asked again"))("%s", async () => {
  const before = tools.calls.length;
  const id = await invoke(emma, scribeId);
  await as(emma, `/sessions/${id}`, async (page) => {
    await call(page, "held_note").getByText("running").waitFor();
    await page.getByRole("button", { name: "Interrupt" }).click();
    await page.getByText("Told to stop").waitFor();
    // The stand-in stops between calls: it has to know before this one is answered.
    await eventually(async () => {
      const sent =
        "select 1 from session_commands where kind = 'interrupt' and session_id = $1 and sent_at is not null";
      return (await query(sent, [id]))[0];
    }, "the provider has the interrupt");
    await releaseWhenHeld(before);
    await log(page).getByText("Interrupted").waitFor();
    await page.getByText("The agent has answered.").waitFor();
    const box = page.getByRole("textbox", { name: "Message" });
    const again = tools.calls.length;
    await box.fill("Go on");
    await box.press("Shift+Enter");
    await box.pressSequentially(foreign);
    await box.press("Enter");
    await log(page).getByText(`Go on\n${foreign}`).waitFor();
    expect(await box.inputValue()).toBe("");
    await releaseWhenHeld(again);
    await log(page).getByText("All noted.").waitFor();
    await page.getByRole("button", { name: "End", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "End this session?" });
    await dialog.getByRole("button", { name: "Keep it open" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "End", exact: true }).click();
    await dialog.getByRole("button", { name: "End the session" }).click();
    await page.getByText("Nothing more can be said here: the session is over.").waitFor();
    await log(page).getByText("The session is over: ended by its user").waitFor();
    expect(await page.getByRole("textbox", { name: "Message" }).count()).toBe(0);
  });
});

/** Two thousand events are a second's work where other tests run too. */
const atEase = { timeout: 10_000 };

test.each(
  variant("a conversation of two thousand events shows its end, brings the rest on request, and stays where one reads"),
)("%s", async () => {
  const id = await invoke(organisation.admin, metaId, { prompt: "What agents exist?" });
  await sessionIn(organisation.admin, id, "idle");
  await write(id, 2_000);
  await as(organisation.admin, `/sessions/${id}`, async (page) => {
    await log(page).getByText("Line 2000.", { exact: true }).waitFor();
    await expect
      .poll(() => page.evaluate<boolean>("innerHeight + scrollY > document.documentElement.scrollHeight - 80"), atEase)
      .toBe(true);
    expect(await log(page).locator("> *").count()).toBeLessThan(200);
    await write(id, 1, 2_001);
    await log(page).getByText("Line 2001.", { exact: true }).waitFor();
    await expect
      .poll(() => page.evaluate<boolean>("innerHeight + scrollY > document.documentElement.scrollHeight - 80"), atEase)
      .toBe(true);
    await page.getByRole("button", { name: /^Show earlier/ }).scrollIntoViewIfNeeded();
    await page.getByRole("button", { name: /^Show earlier/ }).click();
    await log(page).getByText("Line 1800.", { exact: true }).waitFor();
    await page.evaluate("scrollTo(0, 300)");
    await write(id, 1, 2_002);
    await page.getByRole("button", { name: "To the end" }).waitFor();
    expect(await page.evaluate<number>("scrollY")).toBeLessThan(1_000);
    await page.getByRole("button", { name: "To the end" }).click();
    await expect
      .poll(() => page.evaluate<boolean>("innerHeight + scrollY > document.documentElement.scrollHeight - 80"), atEase)
      .toBe(true);
    await log(page).getByText("Line 2002.", { exact: true }).waitFor();
  });
});

/** Lines that an agent might have said, as rows: a conversation of this length would take the stand-in minutes. */
async function write(sessionId: string, count: number, from = 1): Promise<void> {
  await query(
    `with at as (select organisation_id, next_position from sessions where id = $1), grown as (
       update sessions set next_position = next_position + $2 where id = $1)
     insert into session_events (organisation_id, session_id, position, provider_event_id, type, payload)
     select organisation_id, $1, next_position + n, 'made-' || ($3 + n), 'agent.message',
       jsonb_build_object('content', jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'Line ' || ($3 + n) || '.')))
     from at, generate_series(0, $2 - 1) n`,
    [sessionId, count, from],
  );
}

test.each(variant("sessions are listed by whose they are, by state and by agent, and only those one may read"))(
  "%s",
  async () => {
    await as(emma, "/sessions", async (page) => {
      const table = page.getByRole("table", { name: "Sessions" });
      await table.getByRole("link", { name: "scribe" }).first().waitFor();
      expect(await table.getByText(organisation.admin.email).count()).toBe(0);
      await page.getByRole("combobox", { name: "State" }).click();
      await page.getByRole("option", { name: "ended" }).click();
      await page.waitForURL(/status=ended/);
      await expectSound(page);
      await page.getByText("All I may read").click();
      await page.waitForURL(/whose=all/);
      expect(await page.locator("main").innerText()).not.toContain(organisation.admin.email);
    });
    await as(
      organisation.admin,
      `/sessions?whose=all&agent_id=${scribeId}`,
      async (page) => {
        const table = page.getByRole("table", { name: "Sessions" });
        await table.getByText(emma.email).first().waitFor();
        expect(await table.getByRole("link", { name: "powerloom-meta" }).count()).toBe(0);
        await expectSound(page);
      },
      { width: 390, height: 844, colorScheme: "dark" },
    );
    const nobody = await organisation.person("nobody");
    const id = await invoke(emma, scribeId);
    await as(nobody, `/sessions/${id}`, async (page) => {
      await page.getByRole("alert").first().waitFor();
      expect(await page.locator("main").innerText()).not.toMatch(/scribe|First\./);
    });
    tools.release();
  },
);
