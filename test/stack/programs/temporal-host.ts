import { startTemporalServer } from "../../../stack/temporal-server.ts";

/** Starts a Temporal server, says its pid in one JSON line, and waits to be killed. */
const [binary = "", port = "0", dbFile = ""] = process.argv.slice(2);
const server = await startTemporalServer({
  binary,
  port: Number(port),
  dbFile,
  log: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify({ pid: server.pid })}\n`);
