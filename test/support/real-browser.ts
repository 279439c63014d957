import { createRequire } from "node:module";
import chromium from "@sparticuz/chromium";
import type { AxeResults } from "axe-core";
import { type Browser, type BrowserContext, chromium as browsers, type Page } from "playwright-core";
import { expect } from "vitest";
import { sharedStack } from "./organisation.ts";

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The browser of these tests: it comes as a package for Linux on x64; elsewhere an installed Chrome is used. */
export async function launchBrowser(): Promise<Browser> {
  const own = process.platform === "linux" && process.arch === "x64";
  return browsers.launch(
    own
      ? // Not with the package's own arguments: they switch off the rules of the web (CORS, Origin) and share one process.
        { executablePath: await chromium.executablePath(), args: ["--no-sandbox", "--font-render-hinting=none"] }
      : { channel: "chrome" },
  );
}

export interface Window {
  width?: number;
  height?: number;
  colorScheme?: "light" | "dark";
  apiUrl?: string;
}

/** A browser of a person's own, signed in in dev mode; cookies are shared with nobody. */
export async function signedIn(browser: Browser, email: string, window: Window = {}): Promise<BrowserContext> {
  const context = await anonymous(browser, window);
  const apiUrl = window.apiUrl ?? sharedStack().apiUrl;
  const answer = await context.request.post(`${apiUrl}/sign-in/dev`, {
    data: { email },
    headers: { origin: apiUrl, "powerloom-console": "1" },
  });
  if (!answer.ok()) throw new Error(`sign-in of ${email}: ${answer.status()} ${await answer.text()}`);
  return context;
}

/** A browser of nobody in particular. */
export async function anonymous(browser: Browser, window: Window = {}): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: window.apiUrl ?? sharedStack().apiUrl,
    viewport: { width: window.width ?? 1280, height: window.height ?? 800 },
    colorScheme: window.colorScheme ?? "light",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  context.setDefaultTimeout(20_000);
  return context;
}

/** Opens a page and fails the test later if the page broke a rule meanwhile: errors, and refusals of the content policy. */
export async function openPage(context: BrowserContext, path: string): Promise<Page & { faults: string[] }> {
  const page = Object.assign(await context.newPage(), { faults: [] as string[] });
  page.on("pageerror", (error) => page.faults.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    // A refused request is the page's to show; that a browser logs it is no fault.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      page.faults.push(`console: ${message.text()}`);
  });
  await page.goto(path);
  return page;
}

/** Accessibility faults that axe calls serious or critical, as lines; empty when there are none. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // Through the debugger, not as a <script>: the content policy of the page stays as it is.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(await axeSource());
  const results = (await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  )) as AxeResults;
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, html }) => `${id}: ${help} (${target.join(" ")}) ${html.slice(0, 120)}`),
    );
}

let source: Promise<string> | undefined;
function axeSource(): Promise<string> {
  source ??= import("node:fs/promises").then(({ readFile }) => readFile(axePath, "utf8"));
  return source;
}

/** No errors, no refusals of the content policy, no serious accessibility faults, nothing wider than the window. */
export async function expectSound(page: Page & { faults: string[] }): Promise<void> {
  expect(page.faults).toEqual([]);
  expect(await seriousFaults(page)).toEqual([]);
  const overflow = await page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect(overflow, "the page is wider than its window").toBeLessThanOrEqual(0);
}
