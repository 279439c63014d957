import chromium from "@sparticuz/chromium";
import { type Browser, type BrowserContext, chromium as browsers } from "playwright-core";

/** A headless browser: it comes as a package for Linux on x64; elsewhere an installed Chrome is used. */
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
}

/** A browser of nobody in particular, whose times are Berlin's. */
export async function anonymous(browser: Browser, apiUrl: string, window: Window = {}): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: apiUrl,
    viewport: { width: window.width ?? 1280, height: window.height ?? 800 },
    colorScheme: window.colorScheme ?? "light",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  context.setDefaultTimeout(20_000);
  return context;
}

/** A browser of a person's own, signed in in dev mode; its cookies are shared with nobody. */
export async function signedIn(
  browser: Browser,
  apiUrl: string,
  email: string,
  window: Window = {},
): Promise<BrowserContext> {
  const context = await anonymous(browser, apiUrl, window);
  const answer = await context.request.post(`${apiUrl}/sign-in/dev`, {
    data: { email },
    headers: { origin: apiUrl, "powerloom-console": "1" },
  });
  if (!answer.ok()) throw new Error(`sign-in of ${email}: ${answer.status()} ${await answer.text()}`);
  return context;
}
