import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request that the fixture received. */
interface Received {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  /** Form or JSON fields. */
  body: Record<string, unknown>;
}

export interface Answer {
  status: number;
  body: unknown;
  /** Default application/json. */
  contentType?: string;
}

/** A stand-in for the REST API that speaks as much of its contract as the MCP server uses. */
export interface ApiFixture {
  url: string;
  requests: Received[];
  /** Requests to one path, newest last. */
  to(path: string): Received[];
  /** Bearers by token: what introspection says of them. */
  bearers: Map<string, Record<string, unknown>>;
  /** Answers `METHOD /path`; the last definition counts. */
  on(route: string, answer: Answer | ((request: Received) => Answer | Promise<Answer>)): void;
  stop(): Promise<void>;
  /** Listens again on the same port. */
  restart(): Promise<void>;
}

export const clientSecret = "a-secret-of-the-client";

export async function startApiFixture(): Promise<ApiFixture> {
  const requests: Received[] = [];
  const bearers = new Map<string, Record<string, unknown>>();
  const routes = new Map<string, Answer | ((request: Received) => Answer | Promise<Answer>)>();
  const basics = ["powerloom_meta", "powerloom_runs"].map(
    (id) => `Basic ${Buffer.from(`${id}:${clientSecret}`).toString("base64")}`,
  );
  const isClient = ({ headers }: Received) => basics.includes(headers["authorization"] ?? "");
  let exchanges = 0;

  const oauth = (request: Received): Answer | undefined => {
    if (request.path === "/oauth/introspect") {
      if (!isClient(request)) return { status: 401, body: { error: "invalid_client" } };
      return { status: 200, body: bearers.get(String(request.body["token"])) ?? { active: false } };
    }
    if (request.path !== "/oauth/token") return undefined;
    const { grant_type, subject_token, subject_token_type, scope, actor_client } = request.body;
    const isSession = subject_token_type === "urn:powerloom:token-type:session-bearer";
    if (grant_type !== "urn:ietf:params:oauth:grant-type:token-exchange")
      return { status: 400, body: { error: "unsupported_grant_type", error_description: "no such grant" } };
    if (isSession && !isClient(request))
      return { status: 401, body: { error: "invalid_client", error_description: "wrong secret" } };
    if (!isSession && (request.headers["authorization"] !== undefined || typeof actor_client !== "string"))
      return {
        status: 400,
        body: { error: "invalid_request", error_description: "actor_client must name the client" },
      };
    if (isSession && bearers.get(String(subject_token))?.["active"] !== true)
      return { status: 400, body: { error: "invalid_grant", error_description: "the session has ended" } };
    exchanges += 1;
    const access_token = `delegated.${String(scope)}.${exchanges}`;
    return { status: 200, body: { access_token, token_type: "Bearer", expires_in: 300 } };
  };

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const url = new URL(incoming.url ?? "/", "http://fixture");
    const raw = await text(incoming);
    const isForm = incoming.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
    const request: Received = {
      method: incoming.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: incoming.headers as Record<string, string>,
      body: raw === "" ? {} : isForm ? Object.fromEntries(new URLSearchParams(raw)) : JSON.parse(raw),
    };
    requests.push(request);
    const route = routes.get(`${request.method} ${request.path}`);
    const answer =
      typeof route === "function"
        ? await route(request)
        : (route ?? oauth(request) ?? problem(404, "not_found", "Nothing here."));
    response.writeHead(answer.status, { "content-type": answer.contentType ?? "application/json" });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
  };

  let server: Server;
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server = createServer((incoming, response) => void handle(incoming, response));
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  const port = await listen(0);
  routes.set("GET /readyz", { status: 200, body: { status: "ready" } });

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    to: (path) => requests.filter((request) => request.path === path),
    bearers,
    on: (route, answer) => void routes.set(route, answer),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    restart: async () => void (await listen(port)),
  };
}

export function problem(status: number, code: string, detail: string, more: Record<string, unknown> = {}): Answer {
  const body = {
    type: `https://powerloom.dev/problems/${code}`,
    title: code,
    status,
    code,
    detail,
    retryable: false,
    ...more,
  };
  return { status, contentType: "application/problem+json", body };
}
