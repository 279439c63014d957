import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AuthInfo, createMcpHandler } from "@modelcontextprotocol/server";
import type { Logger } from "pino";
import { apiAt, type SendToApi } from "./api-requests.ts";
import { requireSessionBearer } from "./authentication.ts";
import { delegateOfSession } from "./delegation.ts";
import { createDrain } from "./drain.ts";
import { httpApp } from "./http-app.ts";
import { introspectionAt } from "./introspection.ts";
import { metaServer } from "./meta-server.ts";
import { createMetrics } from "./metrics.ts";
import { protectedResource } from "./protected-resource.ts";

/** How to run the server. */
export interface McpServerOptions {
  /** 0 takes a free one. */
  port: number;
  host: string;
  /** The resource's identifier and the only audience accepted. Default: `http://<host>:<port>/mcp`. */
  publicUrl?: string | undefined;
  /** The API's public URL: what clients are told is the authorisation server (RFC 9728). */
  apiUrl: string;
  /** Where this server itself asks the API. Default: `apiUrl`. */
  apiInternalUrl?: string | undefined;
  clientSecret: string;
  log: Logger;
}

/** A running server. */
export interface RunningMcpServer {
  /** The public URL. */
  url: string;
  port: number;
  /** Stops accepting, finishes what is in flight, then resolves. */
  close(): Promise<void>;
}

const drainMs = 20_000;

/** Starts `powerloom_meta` over Streamable HTTP. It holds no state: any number of them can run side by side. */
export async function startMcpServer(options: McpServerOptions): Promise<RunningMcpServer> {
  const { host, apiUrl, clientSecret, log } = options;
  const http = createServer();
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

  const send = apiAt(options.apiInternalUrl ?? apiUrl);
  const metrics = createMetrics();
  const drain = createDrain(http);
  const resource = protectedResource(publicUrl, apiUrl);
  const introspect = introspectionAt(send, { audience: publicUrl, clientSecret, now: Date.now });

  const handler = createMcpHandler(
    ({ authInfo }) => {
      const { token, session } = sessionOf(authInfo);
      return metaServer({ session, delegate: delegateOfSession(send, clientSecret, token) }, { log, metrics });
    },
    {
      // The tools never change while the server runs, so there is nothing to subscribe to; an open stream would only delay a drain.
      maxSubscriptions: 0,
      maxRequestBodySize: 1024 * 1024,
      onerror: (error) => log.debug({ err: error }, "MCP request rejected"),
    },
  );

  http.on(
    "request",
    httpApp({
      handler,
      authenticate: requireSessionBearer({ introspect, resourceMetadataUrl: resource.metadataUrl, metrics, log }),
      resource,
      drain,
      metrics,
      apiReady: () => apiReady(send),
      hostnames: ["localhost", "127.0.0.1", "[::1]", bracketed, new URL(publicUrl).hostname],
      log,
    }),
  );

  return {
    url: publicUrl,
    port,
    close: async () => {
      await drain.close(drainMs);
      await handler.close();
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
