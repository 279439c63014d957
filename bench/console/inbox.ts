import { Client } from "pg";
import { signedIn } from "../../scripts/browser.ts";
import type { Finding } from "../report.ts";
import { type ConsoleStage, noteLongTasks, takeLongTasks } from "./stage.ts";

const waiting = 10_000;

/** An inbox of 10,000 waiting requests, scrolled and filtered: the longest task on the main thread. */
export async function measureInbox(stage: ConsoleStage): Promise<Finding[]> {
  await fillInbox(stage);
  const context = await signedIn(stage.browser, stage.apiUrl, "ben@acme.com");
  const page = await context.newPage();
  await noteLongTasks(page);
  await page.goto("/approvals");
  await page
    .getByRole("listbox")
    .or(page.getByRole("list", { name: /requests|waiting|inbox/i }))
    .first()
    .waitFor();
  await page
    .getByText(/Create agent/)
    .first()
    .waitFor();
  await page.waitForTimeout(1_000);
  await takeLongTasks(page);

  const shown =
    (
      await page
        .getByText(/Create agent/)
        .first()
        .innerText()
    ).split("\n")[0] ?? "";
  const first = page.getByText(shown, { exact: true }).first();
  const box = await first.boundingBox();
  await page.mouse.move((box?.x ?? 300) + 10, (box?.y ?? 300) + 10);
  const scrolling: number[] = [];
  for (let turn = 0; turn < 80; turn++) {
    await page.mouse.wheel(0, 900);
    await page.waitForTimeout(50);
    scrolling.push(...(await takeLongTasks(page)));
  }
  // What does not move costs nothing: the figures count only when the list has gone by.
  if (await first.isVisible()) throw new Error("the inbox did not scroll");
  const filtering: number[] = [];
  const search = page.getByRole("textbox", { name: /search/i });
  for (const text of ["bench-77", "bench-1234", ""]) {
    await search.fill("");
    await search.pressSequentially(text, { delay: 40 });
    await page.waitForTimeout(1_200);
    filtering.push(...(await takeLongTasks(page)));
    if (text !== "") await page.getByText(`Create agent ${text}`).first().waitFor();
  }
  await context.close();
  return [finding("inbox of 10,000: scrolling", scrolling), finding("inbox of 10,000: filtering", filtering)];
}

const finding = (name: string, tasks: readonly number[]): Finding => ({
  name,
  measured: `${tasks.length} tasks over 50 ms, the longest`,
  value: Math.max(0, ...tasks),
  unit: "ms",
  target: { at: "most", value: 100 },
});

/** One request made as people make them, and 9,999 rows like it. */
async function fillInbox({ admin, adminUrl }: ConsoleStage): Promise<void> {
  const asked = await admin.send("POST", "/agents", { name: "bench-0", ou: "/acme/production" });
  if (asked.status !== 202) throw new Error(`nothing waits: ${asked.status}`);
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ columns: string }>(
      `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
        where table_schema = 'public' and table_name = 'approval_requests' and is_generated = 'NEVER'`,
    );
    const columns = rows[0]?.columns ?? "";
    await client.query(
      `insert into approval_requests (${columns})
       select ${columns} from (
         select (jsonb_populate_record(r, jsonb_build_object(
           'id', 'req_bench' || lpad(n::text, 8, '0'),
           'digest', encode(sha256(n::text::bytea), 'hex'),
           'diff', jsonb_set(jsonb_set(r.diff, '{summary}', to_jsonb('Create agent bench-' || n || ' in /acme/production')),
                             '{after,name}', to_jsonb('bench-' || n)),
           'workflow_id', 'bench-' || n))).*
           from approval_requests r, generate_series(1, $2::integer) n where r.id = $1) copies`,
      [asked.body["id"], waiting - 1],
    );
    await client.query("analyze approval_requests");
  } finally {
    await client.end();
  }
}
