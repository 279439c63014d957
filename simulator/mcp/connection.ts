import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { KnownTool } from "../store/store.ts";

/** What one call came to. Failures are values: a tool can never take the process down. */
type CallOutcome =
  | { kind: "result"; text: string; isError: boolean }
  | { kind: "unauthorized"; message: string }
  | { kind: "unreachable"; message: string }
  | { kind: "failed"; message: string };

type ListOutcome = { kind: "tools"; tools: KnownTool[] } | Exclude<CallOutcome, { kind: "result" }>;

export interface Connection {
  list(signal: AbortSignal): Promise<ListOutcome>;
  call(name: string, input: Record<string, unknown>, signal: AbortSignal): Promise<CallOutcome>;
  close(): Promise<void>;
}

const callTimeoutMs = 120_000;
const largestResult = 1_000_000;

/**
 * A real MCP client (streamable HTTP) of one server. The bearer is read again for every HTTP request, so a rotated,
 * archived or deleted credential shows at the very next call; without a matching one no Authorization header is sent.
 */
export function connect(server: { name: string; url: string }, bearer: () => string | undefined): Connection {
  let client: Client | undefined;
  let refused: number | undefined;
  let connected = false;

  const authorised = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const headers = new Headers(init?.headers);
    const token = bearer();
    if (token === undefined) headers.delete("authorization");
    else headers.set("authorization", `Bearer ${token}`);
    const response = await fetch(url, { ...init, headers });
    connected = true;
    if (response.status === 401 || response.status === 403) refused = response.status;
    return response;
  };

  const open = async (signal: AbortSignal): Promise<Client> => {
    if (client !== undefined) return client;
    const fresh = new Client({ name: "stand-in", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
    fresh.onerror = () => {};
    const transport = new StreamableHTTPClientTransport(new URL(server.url), {
      fetch: authorised,
      // A stand-in's turn is short: a lost server must show at once.
      reconnectionOptions: {
        initialReconnectionDelay: 100,
        maxReconnectionDelay: 500,
        reconnectionDelayGrowFactor: 2,
        maxRetries: 1,
      },
    });
    await fresh.connect(transport, { signal, timeout: callTimeoutMs });
    client = fresh;
    return fresh;
  };

  const close = async () => {
    const closing = client;
    client = undefined;
    await closing?.close().catch(() => {});
  };

  const attempt = async <T>(work: (client: Client) => Promise<T>, signal: AbortSignal) => {
    refused = undefined;
    connected = false;
    try {
      return { kind: "done", value: await work(await open(signal)) } as const;
    } catch (error) {
      await close();
      const message = describe(error);
      if (refused === 401) return { kind: "unauthorized", message } as const;
      return { kind: connected ? "failed" : "unreachable", message } as const;
    }
  };

  return {
    close,
    list: async (signal) => {
      const outcome = await attempt(
        (opened) => opened.listTools(undefined, { signal, timeout: callTimeoutMs }),
        signal,
      );
      if (outcome.kind !== "done") return outcome;
      const tools = outcome.value.tools.map((tool) => ({
        server: server.name,
        name: tool.name,
        description: tool.description ?? "",
        inputSchema: tool.inputSchema as Record<string, unknown>,
      }));
      return { kind: "tools", tools };
    },
    call: async (name, input, signal) => {
      const outcome = await attempt(
        (opened) => opened.callTool({ name, arguments: input }, { signal, timeout: callTimeoutMs }),
        signal,
      );
      if (outcome.kind !== "done") return outcome;
      const { content, structuredContent, isError } = outcome.value;
      const texts = (content ?? []).flatMap((block) => (block.type === "text" ? [block.text] : []));
      const joined = texts.join("\n");
      const text = joined === "" && structuredContent !== undefined ? JSON.stringify(structuredContent) : joined;
      return { kind: "result", text: text.slice(0, largestResult), isError: isError === true };
    },
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
