import { pino } from "pino";
import { readConfig } from "./config.ts";
import { startMcpServer } from "./server.ts";

const read = readConfig(process.env);
if (!read.ok) {
  for (const fault of read.faults) process.stderr.write(`${fault}\n`);
  process.exit(1);
}
const { config } = read;
const log = pino({ name: "mcp-server", level: config.logLevel });

const server = await startMcpServer({ ...config, log }).catch((error: unknown) => {
  const why = error instanceof Error ? error.message : String(error);
  process.stderr.write(`The MCP server cannot listen on ${config.host}:${config.port}: ${why}\n`);
  process.exit(1);
});
log.info({ url: server.url, runs: server.runsUrl, port: server.port, api: config.apiUrl }, "listening");

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "draining");
    void server.close().then(() => {
      log.info("stopped");
      process.exit(0);
    });
  });
}
