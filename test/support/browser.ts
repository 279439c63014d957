import { sharedStack } from "./organisation.ts";

interface Page {
  status: number;
  headers: Headers;
  text: string;
  /** Of a JSON answer; otherwise empty. */
  body: Record<string, unknown>;
}

export interface Browser {
  url: string;
  /** Names and values, as they would be sent. */
  cookies: Map<string, string>;
  /** A request as the console's page sends it: own origin, own header, the cookies. `null` takes a header away. */
  send(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string | null> },
  ): Promise<Page>;
  /** An answer that goes on: a stream. */
  open(path: string, signal: AbortSignal): Promise<Response>;
  /** Signs in as a seeded person (dev mode). */
  signIn(email: string): Promise<Page>;
}

/** What a browser does that matters here: it keeps cookies, and says where its pages come from. Redirects are not followed. */
export function openBrowser(url = sharedStack().apiUrl): Browser {
  const cookies = new Map<string, string>();
  const cookie = () => [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");

  function keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const gone = /expires=Thu, 01 Jan 1970/i.test(line) || /max-age=0/i.test(line);
      if (gone) cookies.delete(name);
      else cookies.set(name, decodeURIComponent(value));
    }
  }

  const browser: Browser = {
    url,
    cookies,
    async send(method, path, { body, headers = {} } = {}) {
      const all: Record<string, string | null> = {
        cookie: cookies.size === 0 ? null : cookie(),
        ...(method === "GET" ? {} : { origin: new URL(url).origin, "powerloom-console": "1" }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      };
      const response = await fetch(new URL(path, url), {
        method,
        redirect: "manual",
        headers: Object.entries(all).filter((header): header is [string, string] => header[1] !== null),
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      keep(response);
      const text = await response.text();
      const isJson = /json/.test(response.headers.get("content-type") ?? "") && text !== "";
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
      };
    },
    open: (path, signal) => fetch(new URL(path, url), { headers: { cookie: cookie() }, signal }),
    signIn: (email) => browser.send("POST", "/sign-in/dev", { body: { email } }),
  };
  return browser;
}
