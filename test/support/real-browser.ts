import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { launchBrowser, anonymous as nobodys, signedIn as signInAs, type Window } from "../../scripts/browser.ts";
import { sharedStack } from "./organisation.ts";

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let launched: Promise<Browser> | undefined;

/** One for all files of the process, which ends with it: people share nothing but the program, each has their own context. */
export function theBrowser(): Promise<Browser> {
  launched ??= launchBrowser();
  return launched;
}

/** A window, and the API it looks at when that is not the shared one. */
type TestWindow = Window & { apiUrl?: string };

/** A browser of a person's own, signed in in dev mode. */
export function signedIn(browser: Browser, email: string, window: TestWindow = {}): Promise<BrowserContext> {
  return signInAs(browser, window.apiUrl ?? sharedStack().apiUrl, email, window);
}

/** A browser of nobody in particular. */
export function anonymous(browser: Browser, window: TestWindow = {}): Promise<BrowserContext> {
  return nobodys(browser, window.apiUrl ?? sharedStack().apiUrl, window);
}

/** Opens a page and fails the test later if the page broke a rule meanwhile: errors, and refusals of the content policy. */
export async function openPage(context: BrowserContext, path: string): Promise<Page & { faults: string[] }> {
  const page = Object.assign(await context.newPage(), { faults: [] as string[] });
  await page.emulateMedia({ reducedMotion: "reduce" });
  page.on("pageerror", (error) => page.faults.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    // A refused request is the page's to show; that a browser logs it is no fault.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      page.faults.push(`console: ${message.text()}`);
  });
  await page.goto(path);
  return page;
}

/** What shows a page to a person in a browser of their own, which is gone at the end. */
export type Visit = (
  person: { email: string },
  path: string,
  look: (page: Page & { faults: string[] }) => Promise<void>,
  window?: TestWindow,
) => Promise<void>;

/** @param browser asked at each visit: it is launched before the tests, not before this */
export function visitsIn(browser: () => Browser): Visit {
  return async (person, path, look, window = {}) => {
    const context = await signedIn(browser(), person.email, window);
    try {
      const page = await openPage(context, path);
      await look(page);
    } finally {
      await context.close();
    }
  };
}

/** Accessibility faults that axe calls serious or critical, as lines; empty when there are none. */
async function seriousFaults(page: Page): Promise<string[]> {
  // Through the debugger, not as a <script>: the content policy of the page stays as it is.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(await axeSource());
  const results = (await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: (how: object) => Promise<AxeResults> } }).axe.run({
      // In full, that is: what is in order need not be described.
      resultTypes: ["violations"],
    }),
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
