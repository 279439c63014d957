import { clearLine, createInterface, cursorTo, type Interface } from "node:readline";
import type { Writable } from "node:stream";
import { linesOf } from "./lines.ts";
import { painter } from "./paint.ts";
import { createTranscript, type StreamEvent, textOf } from "./render-event.ts";
import { type Shell, wantsColor } from "./shell.ts";

/** Where a conversation is read and written: a terminal with a line to type on, or two streams. */
export interface Screen {
  readonly interactive: boolean;
  /** What the person says, line by line. Ends with the input, or on `close`. */
  readonly lines: AsyncIterator<string>;
  show(event: StreamEvent): void;
  /** A remark of our own; never on stdout, where programs read. */
  note(text: string): void;
  /** Invites to type, where there is somebody who types. */
  invite(): void;
  close(): void;
}

/** Opens the screen of a conversation. `onInterrupt` is called on Ctrl-C. */
export function openScreen(shell: Shell, json: boolean, onInterrupt: () => void): Screen {
  const interactive = shell.stdin.isTTY === true && shell.stdout.isTTY === true && !json;
  const terminal = interactive ? typingLine(shell, onInterrupt) : undefined;
  const stopListening = shell.onInterrupt(onInterrupt);
  const transcript = createTranscript();
  const color = wantsColor(shell);
  const typed: string[] = [];
  let inviting = false;
  let typing = terminal !== undefined;
  // After Ctrl-D there is no line to draw any more.
  terminal?.once("close", () => {
    typing = false;
  });

  const above = (write: () => void) => {
    if (terminal !== undefined) {
      cursorTo(shell.stdout as unknown as Writable, 0);
      clearLine(shell.stdout as unknown as Writable, 0);
    }
    write();
    if (inviting && typing) terminal?.prompt(true);
  };

  return {
    interactive,
    lines: remembering(terminal === undefined ? linesOf(shell.stdin) : typedLines(terminal), typed),
    show(event) {
      if (json) {
        shell.stdout.write(`${JSON.stringify(event)}\n`);
        return;
      }
      const person = !(interactive && event.type === "user.message" && forget(typed, textOf(event.payload)));
      const lines = transcript(event, { color, person, width: Math.max(40, shell.stdout.columns ?? 120) });
      if (lines.length > 0) above(() => shell.stdout.write(`${lines.join("\n")}\n`));
    },
    note(text) {
      const paint = painter(wantsColor(shell, shell.stderr));
      if (!json) above(() => shell.stderr.write(`${paint("dim", text)}\n`));
    },
    invite() {
      inviting = true;
      if (typing) terminal?.prompt(true);
    },
    close() {
      inviting = false;
      stopListening();
      above(() => undefined);
      terminal?.close();
      // An open stdin would keep the process.
      shell.stdin.destroy();
    },
  };
}

function typingLine(shell: Shell, onInterrupt: () => void): Interface {
  const terminal = createInterface({
    input: shell.stdin,
    output: shell.stdout as unknown as Writable,
    terminal: true,
    prompt: "› ",
  });
  terminal.on("SIGINT", onInterrupt);
  return terminal;
}

async function* typedLines(terminal: Interface): AsyncGenerator<string> {
  yield* terminal;
}

async function* remembering(lines: AsyncGenerator<string>, typed: string[]): AsyncGenerator<string> {
  for await (const line of lines) {
    typed.push(line);
    yield line;
  }
}

function forget(typed: string[], text: string): boolean {
  const at = typed.findIndex((line) => line.trim() === text.trim());
  if (at === -1) return false;
  typed.splice(at, 1);
  return true;
}
