import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { StackError } from "./stack-error.ts";

type BindFault = { port: number } | { code: string };

function bind(host: string, port: number): Promise<BindFault> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message }));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address ? address.port : port;
      server.close(() => resolve({ port: bound }));
    });
  });
}

/** The environment variable that moves a part to another port: `POWERLOOM_MCP_SERVER_PORT` for "MCP server". */
export function portVariable(what: string): string {
  return `POWERLOOM_${what.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_")}_PORT`;
}

/** Throws one sentence that names the port, who needs it and how to move it, unless the port can be listened on. */
export async function assertPortFree(
  host: string,
  port: number,
  what: string,
  variable: string = portVariable(what),
): Promise<void> {
  const outcome = await bind(host, port);
  if ("port" in outcome) return;
  switch (outcome.code) {
    case "EADDRINUSE":
      throw new StackError(`Port ${port} is taken, needed by ${what}; stop what uses it or set ${variable}`);
    case "EACCES":
      throw new StackError(`Port ${port}, needed by ${what}, is not allowed for this user; set ${variable}`);
    default:
      throw new StackError(`${what} cannot listen on ${host}:${port} (${outcome.code}); set ${variable}`);
  }
}

/** Below the ports that systems give to whoever asks for any (from 32768 on Linux, from 49152 elsewhere). */
const chosenPorts = { from: 10_000, to: 32_000 };

/** What this process has handed out: whoever got a port may not listen on it yet. */
const handedOut = new Set<number>();

/**
 * A port that was free a moment ago. Only for tests and for parts nobody addresses: another process may take it. It is drawn
 * from a range in which no outgoing connection and no server that takes any port gets one in the meantime.
 */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  let code = "";
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(chosenPorts.from, chosenPorts.to);
    if (handedOut.has(port)) continue;
    const outcome = await bind(host, port);
    if ("port" in outcome) {
      handedOut.add(port);
      return port;
    }
    code = outcome.code;
  }
  throw new StackError(`No free port on ${host} (${code})`);
}
