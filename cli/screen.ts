import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import type { Writable } from "node:stream";
import { afterEvent, hearWords, silence, textSoFar, type Words } from "../core/being-said.ts";
import { linesOf } from "./lines.ts";
import { lastLines, linesFor } from "./live-words.ts";
import { painter } from "./paint.ts";
import { createTranscript, type StreamEvent, textOf } from "./render-event.ts";
import { type Shell, wantsColor } from "./shell.ts";

/** Where a conversation is read and written: a terminal with a line to type on, or two streams. */
export interface Screen {
  readonly interactive: boolean;
  /** What the person says, line by line. Ends with the input, or on `close`. */
  readonly lines: AsyncIterator<string>;
  show(event: StreamEvent): void;
  /** Shows an agent's words as they come, on a terminal; the event that is their message takes their place. */
  hear(this: void, words: Words): void;
  /** A remark of our own; never on stdout, where programs read. */
  note(text: string): void;
  /** Invites to type, where there is somebody who types. */
  invite(): void;
  close(): void;
}

const promptText = "› ";
/** What is being said takes no more lines than this of a terminal: the last ones. */
const mostLiveLines = 12;

/** Opens the screen of a conversation. `onInterrupt` is called on Ctrl-C. */
export function openScreen(shell: Shell, json: boolean, onInterrupt: () => void): Screen {
  const interactive = shell.stdin.isTTY === true && shell.stdout.isTTY === true && !json;
  const terminal = interactive ? typingLine(shell, onInterrupt) : undefined;
  const movable = shell.stdout.isTTY === true && !json && shell.env["TERM"] !== "dumb";
  const output = shell.stdout as unknown as Writable;
  const columns = () => Math.max(20, shell.stdout.columns ?? 80);
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

  let beingSaid = silence;
  let liveLines = 0;

  /** Takes away what changes at the bottom: the words being said, and under them the line to type on. */
  const erase = (typedLines: number) => {
    if (terminal === undefined && liveLines === 0) return;
    cursorTo(output, 0);
    moveCursor(output, 0, -(liveLines + typedLines));
    clearScreenDown(output);
    liveLines = 0;
  };
  const drawLive = () => {
    const area = { columns: columns(), lines: Math.max(1, Math.min(mostLiveLines, (shell.stdout.rows ?? 24) - 4)) };
    const text = beingSaid.messages.map((message) => textSoFar(message).trim()).join("\n");
    const lines = text === "" ? [] : lastLines(text, area);
    if (lines.length > 0) shell.stdout.write(`${lines.join("\n")}\n`);
    liveLines = lines.length;
  };
  const above = (write: () => void, typedLines = typing ? (terminal?.getCursorPos().rows ?? 0) : 0) => {
    erase(typedLines);
    write();
    drawLive();
    if (terminal === undefined || !inviting || !typing) return;
    // The cursor stands where the line is to begin, and not in what readline has last drawn of it.
    Object.assign(terminal, { prevRows: 0 });
    terminal.prompt(true);
  };
  // The line that was typed is under the words that are being said: it goes above them, as it was said before their end.
  terminal?.on("line", (line) => {
    const shown = `${inviting ? promptText : ""}${line}`;
    if (liveLines > 0) above(() => shell.stdout.write(`${shown}\n`), linesFor(shown, columns()));
  });

  return {
    interactive,
    lines: remembering(terminal === undefined ? linesOf(shell.stdin) : typedLines(terminal), typed),
    show(event) {
      if (json) {
        shell.stdout.write(`${JSON.stringify(event)}\n`);
        return;
      }
      const person = !(interactive && event.type === "user.message" && forget(typed, textOf(event.payload)));
      beingSaid = afterEvent(beingSaid, event);
      const lines = transcript(event, { color, person, width: Math.max(40, shell.stdout.columns ?? 120) });
      if (lines.length > 0 || liveLines > 0)
        above(() => lines.length > 0 && shell.stdout.write(`${lines.join("\n")}\n`));
    },
    hear(words) {
      if (!movable) return;
      const before = beingSaid;
      beingSaid = hearWords(before, words);
      if (beingSaid !== before) above(() => undefined);
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
      // What was said by halves stays where it is.
      liveLines = 0;
      beingSaid = silence;
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
    prompt: promptText,
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
