import { setTimeout as sleep } from "node:timers/promises";
import {
  Client,
  ProtocolError,
  type RequestOptions,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { serverUrl } from "../../contracts/fields.ts";
import { whyUnreached } from "../../tools/network/outside-fetch.ts";

export interface McpLimits {
  /** Of everything together, milliseconds. */
  timeoutMs: number;
  /** Of all answers together. */
  bytes: number;
}

export type McpOutcome<Value> =
  | { ok: true; value: Value }
  | { ok: false; reason: string; late: boolean; error: unknown };

/**
 * Works with an MCP server (Streamable HTTP, both eras of the protocol) over a connection of its own. Failures are values:
 * whatever the server does, the run goes on. Nothing but the registered address is ever asked: redirects are not followed.
 * Reasons quote no bodies of HTTP answers, because whatever stands at an address is no MCP server yet.
 * @param reach how it is reached: what is public or opened
 * @param signal ends the work early; the outcome is then a failure like others
 */
export async function withMcpServer<Value>(
  reach: typeof fetch,
  server: { url: string; bearer: string },
  limits: McpLimits,
  signal: AbortSignal,
  work: (client: Client, options: RequestOptions) => Promise<Value>,
): Promise<McpOutcome<Value>> {
  const tooMuch = new AbortController();
  const late = AbortSignal.timeout(limits.timeoutMs);
  const until = AbortSignal.any([signal, late, tooMuch.signal]);
  const options = { signal: until, timeout: limits.timeoutMs };
  try {
    const url = new URL(serverUrl.parse(server.url));
    const transport = new StreamableHTTPClientTransport(url, {
      requestInit: { headers: { authorization: `Bearer ${server.bearer}` } },
      fetch: boundedFetch(reach, url, limits.bytes, tooMuch, until),
      // A server that has gone must show soon.
      reconnectionOptions: {
        initialReconnectionDelay: 200,
        maxReconnectionDelay: 1_000,
        reconnectionDelayGrowFactor: 2,
        maxRetries: 2,
      },
    });
    const client = new Client({ name: "powerloom", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
    // What breaks on the side shows in the answer that does not come.
    client.onerror = () => {};
    const working = async () => {
      await client.connect(transport, options);
      const value = await work(client, options);
      // A server of the first era keeps something for each client until it is told that it has gone. The result is there: for
      // this nobody waits long.
      if (transport.sessionId !== undefined)
        await Promise.race([
          transport.terminateSession().catch(() => undefined),
          sleep(1_000, undefined, { ref: false }),
        ]);
      return value;
    };
    try {
      // Not everything the client waits for ends with its signal: a probe whose stream breaks waits for its time-out.
      return { ok: true, value: await Promise.race([working(), abortOf(until)]) };
    } finally {
      await client.close().catch(() => undefined);
    }
  } catch (error) {
    const ended = (reason: string) => ({ ok: false as const, reason, late: late.aborted, error });
    if (signal.aborted) return ended("it was interrupted");
    if (tooMuch.signal.aborted) return ended(`it answered more than ${limits.bytes} bytes`);
    if (late.aborted) return ended(`it took longer than ${limits.timeoutMs / 1000} s`);
    return ended(reasonOf(error));
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Error("interrupted", { cause: signal.reason }));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

function boundedFetch(
  reach: typeof fetch,
  address: URL,
  bytes: number,
  tooMuch: AbortController,
  until: AbortSignal,
): typeof fetch {
  let seen = 0;
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.href !== address.href) throw new Error(`only ${address.href} is asked`);
    const signal = init?.signal == null ? until : AbortSignal.any([init.signal, until]);
    const response = await reach(url, { ...init, signal, redirect: "error" });
    if (response.body === null) return response;
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          seen += chunk.byteLength;
          if (seen > bytes) tooMuch.abort();
          else controller.enqueue(chunk);
        },
      }),
    );
    const { status, statusText, headers } = response;
    return new Response(counted, { status, statusText, headers });
  };
}

/** In our words, but for the server's own JSON-RPC errors: those are answers. */
function reasonOf(error: unknown): string {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 6; cause = cause.cause, depth += 1) {
    if (cause instanceof SdkHttpError)
      return cause.status === 401 || cause.status === 403
        ? `it refused our token (HTTP ${cause.status})`
        : `it answered HTTP ${cause.status}`;
    if (cause instanceof ProtocolError) return `it answered with an error: ${cause.message.slice(0, 1_000)}`;
  }
  return whyUnreached(error) ?? "its answer cannot be read as MCP";
}
