import { randomUUID } from "node:crypto";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { type Logger, pino } from "pino";
import { apiAt } from "./api-requests.ts";
import { delegateOfPerson } from "./delegation.ts";
import { metaToolSet } from "./meta-server.ts";
import { runsToolSet } from "./runs-server.ts";
import { toolServer } from "./tool-server.ts";

const toolSets = { meta: metaToolSet, runs: runsToolSet };

/** How to serve a person's own client. */
export interface StdioOptions {
  apiUrl: string;
  /** The person's access token, or how to get a fresh one: it is asked for at every tool call. */
  token: string | (() => string | Promise<string>);
  /** Names the client in the audit trail (`act.sub` = `client:<name>`). Letters, digits, dot, underscore, hyphen. */
  clientName: string;
  /** `powerloom_meta` or `powerloom_runs`. Default: meta. */
  server?: keyof typeof toolSets;
  /** Default: warnings and worse, as JSON lines on stderr. Standard output belongs to the protocol. */
  log?: Logger;
}

/** Serves the tools of one of our servers over standard input and output; resolves when the client closes its end. */
export async function runStdio({ apiUrl, token, clientName, server = "meta", log }: StdioOptions): Promise<void> {
  const currentToken = async () => (typeof token === "string" ? token : await token());
  const caller = {
    // One connection is one conversation: an equal call in it is a repetition, in the next one it is a new wish.
    session: `stdio:${randomUUID()}`,
    delegate: delegateOfPerson(apiAt(apiUrl), clientName, currentToken),
  };
  const logger = log ?? pino({ name: "mcp-stdio", level: "warn" }, pino.destination({ dest: 2, sync: true }));
  const ended = new Promise<void>((resolve) => {
    process.stdin.once("end", resolve).once("close", resolve);
  });
  const connection = serveStdio(() => toolServer(toolSets[server], caller, { log: logger }), {
    onerror: (error) => logger.warn({ err: error }, "MCP message rejected"),
  });
  await ended;
  await connection.close();
}
