import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { sharedStack } from "./organisation.ts";

export const elevenTools = [
  "list_ous",
  "list_users",
  "list_skills",
  "list_mcp_servers",
  "list_agents",
  "describe_user",
  "describe_agent",
  "create_agent",
  "attach_skill_to_agent",
  "attach_mcp_server_to_agent",
  "create_credential",
] as const;
export type ToolName = (typeof elevenTools)[number];

/** What a tool call gave: the structured answer, or the API's own words. */
interface ToolAnswer {
  isError: boolean;
  text: string;
  /** Empty where the protocol's own words are said instead: those are no JSON. */
  value: Record<string, unknown>;
}

/** Any MCP client, as far as we use it. */
export interface ToolClient {
  list(): Promise<string[]>;
  call(name: ToolName, input?: Record<string, unknown>): Promise<ToolAnswer>;
  close(): Promise<void>;
}

/** What any client is given for a call. */
export interface RawResult {
  isError?: boolean | undefined;
  structuredContent?: unknown;
  content?: unknown;
}

/** The structured answer and the text beside it. */
export function answerOf({ isError, structuredContent, content }: RawResult): ToolAnswer {
  const text = (content as { text: string }[] | undefined)?.[0]?.text ?? "{}";
  const value = (structuredContent ?? (text.startsWith("{") ? JSON.parse(text) : {})) as Record<string, unknown>;
  return { isError: isError === true, text, value };
}

/** The client of the second SDK. */
export async function connectNewSdk(bearer: string): Promise<ToolClient> {
  const client = new Client({ name: "new", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(sharedStack().mcpUrl), { requestInit }));
  return {
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input = {}) => answerOf((await client.callTool({ name, arguments: input })) as RawResult),
    close: () => client.close(),
  };
}

/** The client of the first SDK, which checks every answer against the schema it was promised. */
export async function connectOldSdk(bearer: string): Promise<ToolClient> {
  const client = new OldClient({ name: "old", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  // The old transport's declaration predates exactOptionalPropertyTypes.
  const transport = new OldTransport(new URL(sharedStack().mcpUrl), { requestInit });
  await client.connect(transport as Parameters<OldClient["connect"]>[0]);
  return {
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input = {}) => answerOf((await client.callTool({ name, arguments: input })) as RawResult),
    close: () => client.close(),
  };
}

/** The Inspector's command line: a process for each request. */
export function inspector(bearer: string): ToolClient {
  const launcher = createRequire(import.meta.url)
    .resolve("@modelcontextprotocol/inspector/package.json")
    .replace("package.json", "clients/launcher/build/index.js");
  const target = ["--cli", sharedStack().mcpUrl, "--transport", "http", "--header", `Authorization: Bearer ${bearer}`];
  const run = async (...more: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [launcher, ...target, ...more]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  return {
    list: async () => ((await run("--method", "tools/list"))["tools"] as { name: string }[]).map(({ name }) => name),
    call: async (name, input = {}) => {
      const args = Object.entries(input).flatMap(([key, value]) => ["--tool-arg", `${key}=${String(value)}`]);
      return answerOf(await run("--method", "tools/call", "--tool-name", name, ...args));
    },
    close: async () => undefined,
  };
}

/** A tool call as bare HTTP: for what a client would hide behind its own errors. */
export async function rawCall(
  bearer: string | undefined,
  name: ToolName,
  input: Record<string, unknown> = {},
): Promise<{ status: number; challenge: string | null }> {
  const answer = await fetch(sharedStack().mcpUrl, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: input } }),
  });
  await answer.text();
  return { status: answer.status, challenge: answer.headers.get("www-authenticate") };
}
