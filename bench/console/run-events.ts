import { Client } from "pg";
import { signedIn } from "../../scripts/browser.ts";
import { armMind } from "../minds.ts";
import type { Finding } from "../report.ts";
import { type ConsoleStage, noteLongTasks, takeLongTasks } from "./stage.ts";

const perSecond = 1_000;
const seconds = 10;
const batch = 50;

/** A run's page while that run tells of 1,000 steps a second. */
export async function measureRunEvents(stage: ConsoleStage): Promise<Finding[]> {
  const models = await armMind({ stack: stage }, "bench-thinks", {
    // It thinks for longer than this takes: the run goes on all the time.
    orchestrator: { turns: [{ output: { result: "thought", status: "done" }, delay_ms: 120_000 }] },
  });
  const run = await stage.admin.make<{ id: string }>("/runs", { task: "Think.", models });
  const context = await signedIn(stage.browser, stage.apiUrl, stage.email);
  const client = new Client({ connectionString: stage.adminUrl });
  await client.connect();
  try {
    const page = await context.newPage();
    await noteLongTasks(page);
    await page.goto(`/runs/${run.id}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForTimeout(1_000);
    await takeLongTasks(page);
    const started = performance.now();
    let written = 0;
    for (; performance.now() - started < seconds * 1_000; written += batch) {
      await tellOfSteps(client, run.id, written);
      const ahead = ((written + batch) / perSecond) * 1_000 - (performance.now() - started);
      if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
    }
    const rate = written / ((performance.now() - started) / 1_000);
    await page.getByText("took 12 ms").first().waitFor();
    await page.waitForTimeout(1_000);
    const tasks = await takeLongTasks(page);
    return [
      {
        name: "stream of a run's steps",
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
    await stage.admin.send("POST", `/runs/${run.id}/cancel`, {});
  }
}

/** As a worker would, many at a time: each has a step of its own. */
async function tellOfSteps(client: Client, runId: string, before: number): Promise<void> {
  await client.query(
    `with root as (
       update agent_runs set next_position = next_position + $3 where id = $1
        returning id, organisation_id, next_position - $3 as first)
     insert into run_events (organisation_id, root_run_id, position, run_id, origin, type, payload)
     select organisation_id, id, first + nth, id, 'bench:' || ($2 + nth), 'run_step',
            jsonb_build_object('step_id', 'bench/' || ($2 + nth), 'thread', 'main', 'plan_step', null, 'tool', 'read_file',
              'input', '{"path":"src/total.js"}', 'status', 'success', 'output', 'forty lines', 'duration_ms', 12)
       from root, generate_series(0, $3::bigint - 1) as nth`,
    [runId, before, batch],
  );
  await client.query("select pg_notify('run_events', $1)", [runId]);
}
