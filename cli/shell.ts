import type { Readable } from "node:stream";

/** What a command may touch of the process that runs it. Tests give their own. */
export interface Shell {
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable & { isTTY?: boolean };
  stdout: Sink;
  stderr: Sink;
  /** Calls back on Ctrl-C; the answer stops that. Without a listener Ctrl-C ends the process as usual. */
  onInterrupt(listener: () => void): () => void;
}

export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

/** The shell of this process. */
export function processShell(): Shell {
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt(listener) {
      process.on("SIGINT", listener);
      return () => process.off("SIGINT", listener);
    },
  };
}

/** Whether this sink gets colours: only a terminal, and not when NO_COLOR is set (no-color.org). */
export function wantsColor(shell: Shell, sink: Sink = shell.stdout): boolean {
  return sink.isTTY === true && !shell.env["NO_COLOR"] && shell.env["TERM"] !== "dumb";
}
