import type { Browser, Page } from "playwright-core";
import type { Person } from "../../demo/api.ts";

/** What the measurements of the console are given. */
export interface ConsoleStage {
  browser: Browser;
  apiUrl: string;
  simulatorUrl: string;
  /** The database as its owner: for rows that would take hours to make one by one. */
  adminUrl: string;
  email: string;
  admin: Person;
}

/** Has the page note every task that kept its main thread for longer than 50 ms (W3C Long Tasks). */
export async function noteLongTasks(page: Page): Promise<void> {
  await page.addInitScript(`
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.longTasks.push({ start: entry.startTime, ms: entry.duration });
    }).observe({ type: "longtask", buffered: true });`);
}

/** Long tasks since the page was opened, or since they were last asked for, in ms. */
export async function takeLongTasks(page: Page): Promise<number[]> {
  const tasks = await page.evaluate<{ ms: number }[]>("globalThis.longTasks.splice(0)");
  return tasks.map(({ ms }) => ms);
}
