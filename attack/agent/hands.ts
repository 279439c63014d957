import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Schema } from "../input/document.ts";
import { type Verdict, verdictOf } from "./oracle.ts";

/** A tool call's answer as the agent sees it. */
export interface Told {
  verdict: Verdict;
  text: string;
  value: Record<string, unknown>;
}

/** A real MCP client in the provider's place: it has the session's bearer, and nothing else. */
export interface Hands {
  tools: ReadonlyMap<string, Schema>;
  call(tool: string, args: Record<string, unknown>, meta?: Record<string, unknown>): Promise<Told>;
  close(): Promise<void>;
}

export async function openHands(
  url: string,
  bearer: string,
  { name = "agent", headers = {} }: { name?: string; headers?: Record<string, string> } = {},
): Promise<Hands> {
  const client = new Client({ name, version: "1.0.0" });
  const requestInit = { headers: { ...headers, authorization: `Bearer ${bearer}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  const { tools } = await client.listTools();
  async function call(
    tool: string,
    args: Record<string, unknown>,
    meta?: Record<string, unknown>,
    again = 5,
  ): Promise<Told> {
    try {
      const result = await client.callTool({
        name: tool,
        arguments: args,
        ...(meta === undefined ? {} : { _meta: meta }),
      });
      const text = (result.content as { text: string }[] | undefined)?.[0]?.text ?? "";
      const told = toldOf(result.isError === true, text);
      // Not decided yet: the same call asks again, and is done once.
      return told.value["status"] === "received" && again > 0 ? await call(tool, args, meta, again - 1) : told;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // The protocol's own errors: no such tool, arguments that are none.
      return { verdict: /-326\d\d|invalid|not found|unknown/i.test(text) ? "invalid" : "broken", text, value: {} };
    }
  }
  return {
    tools: new Map(tools.map((tool) => [tool.name, tool.inputSchema as Schema])),
    call: (tool, args, meta) => call(tool, args, meta),
    close: () => client.close(),
  };
}

function toldOf(isError: boolean, text: string): Told {
  let value: Record<string, unknown> = {};
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // The SDK's own words about arguments are no JSON.
    return { verdict: "invalid", text, value };
  }
  if (!isError) {
    const waits = value["status"] === "pending_approval";
    return { verdict: waits ? "waits" : "allowed", text, value };
  }
  return { verdict: verdictOf(Number(value["status"] ?? 500)), text, value };
}
