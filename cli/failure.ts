import type { Problem } from "../core/errors.ts";

/** Exit codes of every command. `notYet`: taken, but it waits for an approval or is still being worked on. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, notYet: 3, unreachable: 4 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a sentence for people, and a problem document for programs. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;
  readonly problem: Partial<Problem> & { title: string };
  /** When the API said to ask again. */
  readonly retryAfterMs: number | undefined;

  constructor(
    exitCode: ExitCode,
    message: string,
    problem?: Partial<Problem>,
    options?: ErrorOptions & { retryAfterMs?: number | undefined },
  ) {
    super(message, options);
    this.name = "CliFailure";
    this.exitCode = exitCode;
    this.retryAfterMs = options?.retryAfterMs;
    this.problem = { title: titles[exitCode], detail: message, ...problem };
  }
}

const titles: Record<ExitCode, string> = {
  0: "Done",
  1: "Failed",
  2: "Wrong usage",
  3: "Not finished yet",
  4: "Cannot reach the API",
};

/** A command that was not written as it must be. */
export function usageFailure(message: string): CliFailure {
  return new CliFailure(exitCodes.usage, message);
}

/** Ends a command that has said all there is to say. */
export class Exit extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super(`exit ${exitCode}`);
    this.name = "Exit";
    this.exitCode = exitCode;
  }
}
