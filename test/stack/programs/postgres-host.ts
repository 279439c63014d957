import { startPostgres } from "../../../stack/postgres.ts";

/** Starts PostgreSQL, says where in one JSON line, and waits to be killed. */
const [dataDir = "", endsWithParent] = process.argv.slice(2);
const postgres = await startPostgres({
  dataDir,
  log: (line) => process.stderr.write(`${line}\n`),
  endsWithParent: endsWithParent !== "no",
});
process.stdout.write(
  `${JSON.stringify({ pid: postgres.pid, adminUrl: postgres.adminUrl, adopted: postgres.adopted })}\n`,
);
process.once("SIGTERM", () => void postgres.stop());
