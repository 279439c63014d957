import { run } from "./run.ts";
import { processShell } from "./shell.ts";

// `powerloom agents list | head` closes the pipe early; that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), processShell());
