import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lastLines } from "../../cli/live-words.ts";
import { openScreen, type Screen } from "../../cli/screen.ts";
import type { Shell } from "../../cli/shell.ts";

const esc = String.fromCharCode(27);
/** Commands with their count, and characters. */
const pieces = new RegExp(`${esc}\\[(\\d*)([A-Za-z])|[^${esc}]`, "gu");

/** As much of a terminal as the screen uses: lines that break at its width, and a cursor that is moved in them. */
class Terminal extends EventEmitter {
  readonly isTTY = true;
  readonly columns = 40;
  readonly rows = 10;
  private lines: string[] = [""];
  private row = 0;
  private column = 0;

  write = (text: string): boolean => {
    for (const [part, count, command] of text.matchAll(pieces)) {
      if (command === undefined) this.put(part);
      else this.obey(command, count === "" ? undefined : Number(count));
    }
    return true;
  };

  /** What stands on it, without the space after each line and below the last. */
  get text(): string {
    return this.lines
      .map((line) => line.trimEnd())
      .join("\n")
      .trimEnd();
  }

  private put(character: string): void {
    if (character === "\r") this.column = 0;
    else if (character === "\n") {
      this.column = 0;
      this.down();
    } else {
      if (this.column === this.columns) {
        this.column = 0;
        this.down();
      }
      const line = Array.from((this.lines[this.row] ?? "").padEnd(this.column));
      line[this.column] = character;
      this.lines[this.row] = line.join("");
      this.column += 1;
    }
  }

  private down(): void {
    this.row += 1;
    this.lines[this.row] ??= "";
  }

  private obey(command: string, count: number | undefined): void {
    if (command === "A") this.row = Math.max(0, this.row - (count ?? 1));
    else if (command === "G") this.column = (count ?? 1) - 1;
    else if (command === "C") this.column += count ?? 1;
    else if (command === "J") {
      this.lines = this.lines.slice(0, this.row + 1);
      this.lines[this.row] = (this.lines[this.row] ?? "").slice(0, this.column);
    } else throw new Error(`this terminal does not know ${command}`);
  }
}

const at = "2026-11-01T08:00:00Z";
let terminal: Terminal;
let stdin: PassThrough & { isTTY?: boolean };
let screen: Screen;
let position: number;

const open = (given: { typing?: boolean; json?: boolean; env?: Record<string, string> } = {}): void => {
  stdin = Object.assign(new PassThrough(), { isTTY: given.typing === true });
  const shell: Shell = {
    env: { NO_COLOR: "1", ...given.env },
    stdin,
    stdout: terminal,
    stderr: terminal,
    onInterrupt: () => () => undefined,
  };
  screen = openScreen(shell, given.json === true, () => undefined);
};
const event = (type: string, payload: unknown = {}) => {
  position += 1;
  screen.show({ position, type, payload, at });
};
const say = (id: string, text: string) => event("agent.message", { id, content: [{ type: "text", text }] });
const hear = (eventId: string, from: number, text: string) => screen.hear({ eventId, at: from, text });
const type = async (text: string) => {
  stdin.write(text);
  await new Promise((resolve) => setImmediate(resolve));
};

beforeEach(() => {
  terminal = new Terminal();
  position = 0;
});
afterEach(() => screen.close());

describe("words on a terminal", () => {
  test("are there as they come, and the message in full takes their place", () => {
    open();
    event("user.message", { content: [{ type: "text", text: "Set it up" }] });
    hear("m1", 0, "Let me ");
    expect(terminal.text).toBe("› Set it up\nLet me");
    hear("m1", 7, "look at what **there** is, and at what is missing.\n\nThen");
    expect(terminal.text).toBe("› Set it up\nLet me look at what **there** is, and\nat what is missing.\n\nThen");
    say("m1", "Let me look at what **there** is, and at what is missing.\n\nThen I go on.");
    const full = "› Set it up\n\nLet me look at what there is, and at wha\nt is missing.\n\nThen I go on.";
    expect(terminal.text).toBe(full);
    hear("m1", 62, "late");
    event("session.status_running");
    expect(terminal.text).toBe(full);
  });

  test("stay under what else is shown, and go when their message never comes", () => {
    open();
    hear("m1", 0, "I begin");
    screen.note("A remark");
    event("agent.tool_result", { content: [{ type: "text", text: "noted" }] });
    expect(terminal.text).toBe("A remark\n  ✓ noted\nI begin");
    event("span.model_request_end", { is_error: true });
    expect(terminal.text).toBe("A remark\n  ✓ noted");
  });

  test("stand above the line one types on, which is kept, and under what was typed", async () => {
    open({ typing: true });
    screen.invite();
    await type("a long line that is not yet sent to the agent");
    hear("m1", 0, "I am at ");
    hear("m1", 8, "work.");
    const typed = "› a long line that is not yet sent to th\ne agent";
    expect(terminal.text).toBe(`I am at work.\n${typed}`);
    await type("\n");
    expect(terminal.text).toBe(`${typed}\nI am at work.\n›`);
    hear("m1", 13, " Still.");
    await type("more");
    expect(terminal.text).toBe(`${typed}\nI am at work. Still.\n› more`);
    say("m1", "I am at work. Still. Done.");
    expect(terminal.text).toBe(`${typed}\nI am at work. Still. Done.\n› more`);
  });

  test("of more lines than there is room for show the last ones, and leave nothing behind", () => {
    open();
    const lines = Array.from({ length: 30 }, (_, index) => `Line ${index + 1}.`);
    hear("m1", 0, lines.join("\n"));
    expect(terminal.text.split("\n")).toEqual(lines.slice(-6));
    say("m1", lines.join("\n"));
    expect(terminal.text.split("\n")).toEqual(lines);
  });

  test("are not shown as JSON, nor where the cursor cannot be moved", () => {
    for (const given of [{ json: true }, { env: { TERM: "dumb" } }]) {
      open(given);
      hear("m1", 0, "I begin");
      expect(terminal.text).toBe("");
      screen.close();
    }
  });

  test("said by halves stay when one leaves", () => {
    open();
    hear("m1", 0, "I begin");
    screen.close();
    expect(terminal.text).toBe("I begin");
  });
});

describe("the last lines of a text", () => {
  test.each([
    ["", 10, 3, [""]],
    ["one two three", 8, 3, ["one two", "three"]],
    ["one\n\ntwo", 8, 2, ["", "two"]],
    ["abcdefghij", 5, 9, ["abcd", "efgh", "ij"]],
    ["織機織機 x", 6, 9, ["織機", "織機", "x"]],
    ["a\u001b[2Jb", 20, 9, ["a\u{fffd}[2Jb"]],
  ])("%j in %i columns and %i lines", (text, columns, lines, expected) => {
    expect(lastLines(text, { columns, lines })).toEqual(expected);
  });
});
