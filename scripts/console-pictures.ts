import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import { openDevOrganisation } from "../demo/organisation.ts";
import { startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { launchBrowser, signedIn } from "./browser.ts";
import { furnish } from "./console-scene.ts";

// Makes the pictures of the web console in docs/images/console: every page, light and dark, wide and narrow.
// `node scripts/console-pictures.ts [folder [part of a name]]`
const folder = process.argv[2] ?? fileURLToPath(new URL("../docs/images/console/", import.meta.url));
const only = process.argv[3] ?? "";
const windows = [
  { name: "light", width: 1280, height: 800, colorScheme: "light" },
  { name: "dark", width: 1280, height: 800, colorScheme: "dark" },
  { name: "narrow-light", width: 390, height: 844, colorScheme: "light" },
  { name: "narrow-dark", width: 390, height: 844, colorScheme: "dark" },
] as const;

await mkdir(folder, { recursive: true });
const directory = await mkdtemp(join(tmpdir(), "powerloom-pictures-"));
const stack = await startLocalStack({
  stateDirectory: directory,
  environment: withOwnParts(process.env),
  mode: "dev",
  anyPorts: true,
  withConsole: true,
  log: () => undefined,
  extraEnvironment: { POWERLOOM_RATE_LIMIT: "100000" },
});
const organisation = await openDevOrganisation(stack, directory, () => undefined);
const browser = await launchBrowser();
try {
  const pages = await furnish(stack, organisation.admin);
  for (const { name, ...window } of windows) {
    const context = await signedIn(browser, stack.apiUrl, "ben@acme.com", window);
    const page = await context.newPage();
    for (const [title, path] of Object.entries(pages)) {
      if (!title.includes(only)) continue;
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      // What is drawn after the data: graphs, fonts, the clock's first tick.
      await page.waitForTimeout(1_000);
      await picture(context, page, join(folder, `${title}-${name}.webp`));
    }
    await context.close();
  }
} finally {
  await browser.close();
  await organisation.close();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}

/** WebP is a third of PNG here; the browser makes it, Playwright does not pass it on. */
async function picture(context: BrowserContext, page: Page, path: string): Promise<void> {
  const devtools = await context.newCDPSession(page);
  const { data } = await devtools.send("Page.captureScreenshot", { format: "webp", quality: 72 });
  await writeFile(path, Buffer.from(data, "base64"));
  await devtools.detach();
}
