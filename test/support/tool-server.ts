import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import express from "express";
import { z } from "zod";

export interface ToolServer {
  url: string;
  /** The calls that ran, oldest first. */
  calls: { tool: string; text: string }[];
  /** Lets the calls of `held_note` that wait now go on. */
  release(): void;
  /** What stood in the Authorization headers. */
  bearers: Set<string>;
  close(): Promise<void>;
}

/** A real MCP server of a third party, with tools that answer at once, take their time, or wait until they are told. */
export async function startToolServer(): Promise<ToolServer> {
  const calls: ToolServer["calls"] = [];
  const bearers = new Set<string>();
  const held: (() => void)[] = [];
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "notes", version: "1.0.0" });
    const input = z.object({ text: z.string(), ms: z.int().optional() });
    for (const tool of ["note", "slow_note", "held_note"])
      server.registerTool(tool, { description: `Takes a ${tool}`, inputSchema: input }, async ({ text, ms }) => {
        calls.push({ tool, text });
        if (tool === "held_note") await new Promise<void>((resolve) => held.push(resolve));
        if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms));
        return { content: [{ type: "text", text: `noted: ${text}` }] };
      });
    return server;
  });
  const serve = toNodeHandler(handler);
  const app = express();
  app.use((request, response) => {
    if (request.headers.authorization !== undefined) bearers.add(request.headers.authorization);
    return serve(request, response);
  });
  const http = createServer(app);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    calls,
    release() {
      for (const go of held.splice(0)) go();
    },
    bearers,
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await handler.close();
    },
  };
}
