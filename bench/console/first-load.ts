import { signedIn } from "../../scripts/browser.ts";
import type { Finding } from "../report.ts";
import { type ConsoleStage, noteLongTasks } from "./stage.ts";

const runs = 5;

/**
 * The first page of somebody signed in, from an empty cache: how much JavaScript comes over the wire, and when it can be
 * used: its heading is there and what keeps the main thread busy is over (the last long task before half a second of quiet).
 */
export async function measureFirstLoad({ browser, apiUrl, email }: ConsoleStage): Promise<Finding[]> {
  const times: number[] = [];
  let bytes = 0;
  let requests = 0;
  for (let run = 0; run < runs; run++) {
    const context = await signedIn(browser, apiUrl, email);
    const page = await context.newPage();
    await noteLongTasks(page);
    await page.addInitScript(`
      new MutationObserver((_, observer) => {
        if (document.querySelector("h1") === null) return;
        globalThis.headingAt = performance.now();
        observer.disconnect();
      }).observe(document, { childList: true, subtree: true });`);
    const scripts: Promise<{ url: string }>[] = [];
    page.on("response", (response) => {
      if (response.request().resourceType() === "script")
        scripts.push(response.finished().then(() => ({ url: response.url() })));
    });
    await page.goto("/", { waitUntil: "load" });
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForTimeout(1_500);
    times.push(
      await page.evaluate<number>(
        "Math.max(globalThis.headingAt, ...globalThis.longTasks.filter(({ start }) => start < globalThis.headingAt + 500).map(({ start, ms }) => start + ms))",
      ),
    );
    const urls = [...new Set((await Promise.all(scripts)).map(({ url }) => url))];
    requests = urls.length;
    // As gzip, whatever the browser has taken: that is what the budget speaks of.
    const sizes = await Promise.all(
      urls.map(async (url) => {
        const answer = await fetch(url, { headers: { "accept-encoding": "gzip" } });
        await answer.body?.cancel();
        return Number(answer.headers.get("content-length"));
      }),
    );
    if (sizes.some((size) => !(size > 0))) throw new Error("a script came without its length");
    bytes = sizes.reduce((sum, size) => sum + size, 0);
    await context.close();
  }
  times.sort((a, b) => a - b);
  const median = times[Math.floor(runs / 2)] ?? Number.NaN;
  return [
    {
      name: "first page: JavaScript",
      measured: `${requests} files, gzip`,
      value: bytes / 1000,
      unit: "kB",
      target: { at: "most", value: 200 },
    },
    {
      name: "first page: interactive",
      measured: `median of ${runs}: ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`,
      value: median,
      unit: "ms",
      target: { at: "most", value: 1_000 },
    },
  ];
}
