import type { Logger } from "pino";

/**
 * Runs a server part until SIGTERM or SIGINT, then drains it; a start that fails is one clear sentence and exit code 1.
 * @param start returns the function that drains the part
 */
export async function runPart(log: Logger, start: () => Promise<() => Promise<void>>): Promise<void> {
  let stop: () => Promise<void>;
  try {
    stop = await start();
  } catch (error) {
    log.error({ err: error }, error instanceof Error ? error.message : "could not start");
    process.exitCode = 1;
    setTimeout(() => process.exit(1), 500).unref();
    return;
  }
  let stopping = false;
  const drain = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "draining");
    // A client that never lets go must not keep the process for ever.
    setTimeout(() => process.exit(1), 15_000).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "draining failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => drain("SIGTERM"));
  process.on("SIGINT", () => drain("SIGINT"));
}
