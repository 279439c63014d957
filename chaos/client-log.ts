import { appendFileSync, readFileSync } from "node:fs";
import type { LogRecord } from "./checker/record.ts";

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An append-only log of one client, a JSON document a line: what it was about to ask is there before it asks. */
export interface ClientLog {
  write(record: Without<LogRecord, "at">): void;
}

export function openClientLog(file: string): ClientLog {
  return {
    // Synchronous on purpose: an intent must be in the file before its request leaves.
    write: (record) => appendFileSync(file, `${JSON.stringify({ at: Date.now(), ...record })}\n`),
  };
}

export function readClientLog(file: string): LogRecord[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LogRecord);
}
