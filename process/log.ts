import { type Logger, pino } from "pino";

/** One JSON logger per process. Tokens and secrets are not passed to it; the headers that carry them are cut out besides. */
export function createLogger(part: string, level: string): Logger {
  return pino({
    name: part,
    level,
    base: { part },
    redact: {
      paths: ["req.headers.authorization", "req.headers.cookie", "err.config", "err.headers"],
      censor: "[cut]",
    },
  });
}
