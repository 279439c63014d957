import { stripVTControlCharacters } from "node:util";
import type { Sink } from "../shell.ts";
import { textWidth } from "./text-width.ts";

/** The last lines of a terminal, redrawn in place. */
export interface LiveArea {
  /** Lines must not be wider than the terminal. Nothing is written when they are those of before. */
  draw(lines: readonly string[]): void;
  /** Takes the lines away; what is written next stands where they were. */
  clear(): void;
  /** Clears, and shows the cursor again. */
  close(): void;
}

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
/** Terminals that know synchronized output show a frame when it is whole; others pass over it. */
const beginFrame = "\u001b[?2026h";
const endFrame = "\u001b[?2026l";
const restOfLine = "\u001b[K";
const restOfScreen = "\u001b[J";

/** An area at the end of what this terminal shows. One write a frame, over the old lines: nothing flickers. */
export function openLiveArea(sink: Sink): LiveArea {
  let shown: readonly string[] = [];
  let hidden = false;

  // A narrower window has wrapped the old lines: they take more rows now.
  const rowsShown = () => {
    const columns = Math.max(1, sink.columns ?? 80);
    return shown.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns)),
      0,
    );
  };
  const toTop = () => {
    const rows = rowsShown();
    return rows === 0 ? "\r" : `\u001b[${rows}A\r`;
  };

  const clear = () => {
    if (shown.length > 0) sink.write(`${toTop()}${restOfScreen}`);
    shown = [];
  };
  return {
    draw(lines) {
      if (lines.length === shown.length && lines.every((line, at) => line === shown[at])) return;
      const body = lines.map((line) => `${line}${restOfLine}\n`).join("");
      sink.write(`${hidden ? "" : hideCursor}${beginFrame}${toTop()}${body}${restOfScreen}${endFrame}`);
      hidden = true;
      shown = lines;
    },
    clear,
    close() {
      clear();
      if (hidden) sink.write(showCursor);
      hidden = false;
    },
  };
}
