import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AuthInfo, createMcpHandler } from "@modelcontextprotocol/server";
import type { Logger } from "pino";
import { apiAt, type SendToApi } from "./api-requests.ts";
import { requireSessionBearer } from "./authentication.ts";
import type { ApiClient } from "./client-authentication.ts";
import { delegateOfSession } from "./delegation.ts";
import { createDrain } from "./drain.ts";
import { httpApp, type McpEndpoint } from "./http-app.ts";
import { introspectionAt, reportingTo } from "./introspection.ts";
import { metaToolSet } from "./meta-server.ts";
import { createMetrics } from "./metrics.ts";
import { protectedResource } from "./protected-resource.ts";
import { runsToolSet } from "./runs-server.ts";
import { type ToolSet, toolServer } from "./tool-server.ts";

/** How to run the server. */
export interface McpServerOptions {
  /** 0 takes a free one. */
  port: number;
  host: string;
  /** The identifier of `powerloom_meta` and the only audience it accepts. Default: `http://<host>:<port>/mcp`. */
  publicUrl?: string | undefined;
  /** The same for `powerloom_runs`. Default: `runs/mcp` beside `publicUrl`. */
  runsPublicUrl?: string | undefined;
  /** The API's public URL: what clients are told is the authorisation server (RFC 9728). */
  apiUrl: string;
  /** Where this server itself asks the API. Default: `apiUrl`. */
  apiInternalUrl?: string | undefined;
  clientSecret: string;
  log: Logger;
}

/** A running server. */
export interface RunningMcpServer {
  /** The public URL of `powerloom_meta`. */
  url: string;
  /** And of `powerloom_runs`. */
  runsUrl: string;
  port: number;
  /** Stops accepting, finishes what is in flight, then resolves. */
  close(): Promise<void>;
}

const drainMs = 20_000;

/** Starts `powerloom_meta` and `powerloom_runs` over Streamable HTTP. It holds no state: any number of them can run side by side. */
export async function startMcpServer(options: McpServerOptions): Promise<RunningMcpServer> {
  const { host, apiUrl, clientSecret, log } = options;
  // Whoever sends slowly is let go of: the headers within ten seconds, all of a request within sixty.
  const http = createServer({ headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1_000 });
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(options.port, host, () => {
      http.off("error", reject);
      resolve();
    });
  });
  const { port } = http.address() as AddressInfo;
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const publicUrl = options.publicUrl ?? `http://${bracketed}:${port}/mcp`;
  const runsUrl = options.runsPublicUrl ?? new URL("runs/mcp", publicUrl).href;

  const send = apiAt(options.apiInternalUrl ?? apiUrl);
  const metrics = createMetrics();
  const drain = createDrain(http);
  const ending = new AbortController();

  /** Each authenticates itself under its own name, and takes bearers that were made for its own URL alone. */
  const endpoint = (id: ApiClient["id"], tools: ToolSet, { url, path }: { url: string; path: string }): McpEndpoint => {
    const client = { id, secret: clientSecret };
    const resource = protectedResource({ publicUrl: url, path, title: tools.title }, apiUrl);
    const introspect = introspectionAt(send, { audience: url, client, now: Date.now });
    const handler = createMcpHandler(
      ({ authInfo }) => {
        const { token, session } = sessionOf(authInfo);
        const caller = { session, delegate: delegateOfSession(send, client, token) };
        return toolServer(tools, caller, { log, metrics, ending: ending.signal });
      },
      {
        // The tools never change while the server runs, so there is nothing to subscribe to; an open stream would only delay a drain.
        maxSubscriptions: 0,
        maxRequestBodySize: 1024 * 1024,
        onerror: (error) => log.debug({ err: error }, "MCP request rejected"),
      },
    );
    const report = reportingTo(send, client);
    const resourceMetadataUrl = resource.metadataUrl;
    const authenticate = requireSessionBearer({ introspect, report, resourceMetadataUrl, metrics, log });
    return { handler, authenticate, resource };
  };
  const meta = endpoint("powerloom_meta", metaToolSet, { url: publicUrl, path: "/mcp" });
  const runs = endpoint("powerloom_runs", runsToolSet, { url: runsUrl, path: "/runs/mcp" });

  http.on(
    "request",
    httpApp({
      endpoints: [meta, runs],
      drain,
      metrics,
      apiReady: () => apiReady(send),
      hostnames: [
        ...new Set([
          "localhost",
          "127.0.0.1",
          "[::1]",
          bracketed,
          ...[publicUrl, runsUrl].map((url) => new URL(url).hostname),
        ]),
      ],
      log,
    }),
  );

  return {
    url: publicUrl,
    runsUrl,
    port,
    close: async () => {
      ending.abort();
      await drain.close(drainMs);
      await Promise.all([meta.handler.close(), runs.handler.close()]);
    },
  };
}

function sessionOf(authInfo: AuthInfo | undefined): { token: string; session: string } {
  const session = authInfo?.extra?.["sid"];
  if (authInfo === undefined || typeof session !== "string")
    throw new Error("a request reached the tools without a bearer");
  return { token: authInfo.token, session };
}

async function apiReady(send: SendToApi): Promise<boolean> {
  const answer = await send({ method: "GET", path: "/readyz", timeoutMs: 2_000 }).catch(() => undefined);
  return answer?.status === 200;
}
