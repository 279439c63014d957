import type { Sink } from "../../cli/shell.ts";

/** What people watch: our own lines, and above a live view too while one is drawn. */
export interface Screen {
  /** For whoever draws a live view. */
  sink: Sink;
  /** Writes lines. While a live view is on the screen they come to stand above it. */
  say: (...lines: string[]) => void;
}

/** How a frame of a live view begins: synchronized output, then back to the first column of its first line. */
const frame = "\u001b[?2026h";
const firstColumn = "\r";
const restOfLine = "\u001b[K";
const restOfScreen = "\u001b[J";

/** A screen on a terminal, or on anything else that takes text. */
export function openScreen(out: Sink & { rows?: number }): Screen {
  let drawn = false;
  let waiting: string[] = [];
  const flush = () => {
    const lines = waiting;
    waiting = [];
    return lines.map((line) => `${line}${drawn ? restOfLine : ""}\n`).join("");
  };
  return {
    sink: {
      get isTTY() {
        return out.isTTY === true;
      },
      get columns() {
        return out.columns;
      },
      get rows() {
        return out.rows;
      },
      write(text: string) {
        const begins = text.indexOf(frame);
        if (begins >= 0) {
          drawn = true;
          const body = text.indexOf(firstColumn, begins) + firstColumn.length;
          return out.write(`${text.slice(0, body)}${flush()}${text.slice(body)}`);
        }
        // The view was taken away: what waited can stand where it was.
        if (drawn && text.endsWith(restOfScreen)) {
          drawn = false;
          return out.write(`${text}${flush()}`);
        }
        return out.write(text);
      },
    } as Sink & { rows?: number },
    say(...lines) {
      waiting.push(...lines.flatMap((line) => line.split("\n")));
      if (!drawn) out.write(flush());
    },
  };
}
