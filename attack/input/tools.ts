import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import fc from "fast-check";
import type { Arena } from "../arena.ts";
import { countOf, type Effort, type Report } from "../report.ts";
import type { Schema } from "./document.ts";
import { peopledOrganisation } from "./organisation.ts";
import { valuesOf } from "./values.ts";

const servers = ["meta", "runs"] as const;
/** A tool's schema stands by itself. */
const alone = { resolve: (schema: Schema) => schema };

/**
 * Calls every tool of both MCP servers, as a person's own client does, with arguments made from its published schema and hostile
 * ones: the answer is the tool's, or an error that says what is wrong, and the server is there for the next call.
 */
export async function attackTools(arena: Arena, { seed, rounds }: Effort): Promise<Report> {
  const { organisation, known } = await peopledOrganisation(arena);
  const violations = new Set<string>();
  const tallies: Report["tallies"] = [];
  for (const server of servers) {
    const client = new Client({ name: "attack", version: "1.0.0" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [fileURLToPath(new URL("../../cli/main.ts", import.meta.url)), "mcp", "--server", server],
        env: { POWERLOOM_API_URL: arena.apiUrl, POWERLOOM_TOKEN: organisation.admin.token },
        stderr: "ignore",
      }),
    );
    const outcomes: string[] = [];
    try {
      const { tools } = await client.listTools();
      for (const { name, inputSchema } of tools)
        for (const input of fc.sample(valuesOf(alone, known, inputSchema as Schema), { seed, numRuns: rounds })) {
          // Nobody waits for a run that is tried only for its input.
          const args = name === "wait_run" ? { ...(input as object), timeout_seconds: 1 } : input;
          const { outcome, fault } = await callOnce(client, name, args);
          outcomes.push(outcome);
          if (fault !== undefined) violations.add(`${name}: ${fault}, to ${JSON.stringify(args).slice(0, 400)}`);
        }
    } finally {
      await client.close();
    }
    tallies.push({
      what: `calls of every tool of powerloom_${server}, made from their schemas`,
      tried: outcomes.length,
      outcome: countOf(outcomes),
    });
  }
  return { tallies, violations: [...violations] };
}

async function callOnce(client: Client, name: string, input: unknown): Promise<{ outcome: string; fault?: string }> {
  let result: { isError?: boolean | undefined; content?: unknown };
  try {
    result = await client.callTool({ name, arguments: input as Record<string, unknown> });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Arguments that are no object are no call at all: the client itself or the protocol says so.
    return /invalid|expected|must/i.test(message)
      ? { outcome: "refused by the protocol" }
      : { outcome: "no answer", fault: `no answer: ${message}` };
  }
  if (result.isError !== true) return { outcome: "answered" };
  const text = (result.content as { text: string }[] | undefined)?.[0]?.text ?? "";
  const fault = /"code":"internal"|node_modules|\.ts:\d+|^$/.test(text) ? { fault: `says only ${text}` } : {};
  return { outcome: "error that says why", ...fault };
}
