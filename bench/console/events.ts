import { Client } from "pg";
import { signedIn } from "../../scripts/browser.ts";
import type { Finding } from "../report.ts";
import { type ConsoleStage, noteLongTasks, takeLongTasks } from "./stage.ts";

const perSecond = 1_000;
const seconds = 10;
const batch = 50;

/** The inbox, still full, while the organisation's stream of changes carries 1,000 events a second. */
export async function measureEvents(stage: ConsoleStage): Promise<Finding[]> {
  const context = await signedIn(stage.browser, stage.apiUrl, "ben@acme.com");
  const client = new Client({ connectionString: stage.adminUrl });
  await client.connect();
  try {
    const page = await context.newPage();
    await noteLongTasks(page);
    await page.goto("/approvals");
    await page
      .getByText(/Create agent/)
      .first()
      .waitFor();
    await page.waitForTimeout(1_000);
    await takeLongTasks(page);
    const started = performance.now();
    let written = 0;
    for (; performance.now() - started < seconds * 1_000; written += batch) {
      await client.query(
        `insert into change_events (organisation_id, type, ou_id, permission, payload)
         select e.organisation_id, e.type, e.ou_id, e.permission, e.payload
           from (select * from change_events where type = 'approval.requested' limit 1) e, generate_series(1, $1::integer)`,
        [batch],
      );
      const ahead = ((written + batch) / perSecond) * 1_000 - (performance.now() - started);
      if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
    }
    const rate = written / ((performance.now() - started) / 1_000);
    await page.waitForTimeout(1_000);
    const tasks = await takeLongTasks(page);
    return [
      {
        name: "stream of events",
        measured: `${rate.toFixed(0)} events/s for ${seconds} s; ${tasks.length} tasks over 50 ms, the longest`,
        value: Math.max(0, ...tasks),
        unit: "ms",
        target: { at: "most", value: 200 },
        facts: { rate },
      },
    ];
  } finally {
    await client.end();
    await context.close();
  }
}
