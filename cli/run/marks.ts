import type { Style } from "../paint.ts";
import type { Span } from "./layout.ts";
import type { Mark } from "./tree.ts";

const marks: Readonly<Record<Mark, { sign: string; style: Style }>> = {
  queued: { sign: "○", style: "dim" },
  running: { sign: "●", style: "cyan" },
  waiting: { sign: "⏸", style: "yellow" },
  paused: { sign: "⏸", style: "yellow" },
  done: { sign: "✓", style: "green" },
  failed: { sign: "✗", style: "red" },
  refused: { sign: "⊘", style: "red" },
  skipped: { sign: "–", style: "dim" },
  stopped: { sign: "■", style: "yellow" },
  cancelled: { sign: "■", style: "yellow" },
};

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 100;

/** The sign of how something stands; given a time, what runs turns. */
export function signOf(mark: Mark, now?: number): Span {
  const { sign, style } = marks[mark];
  if (mark !== "running" || now === undefined) return { text: sign, style };
  return { text: frames[Math.floor(now / frameMs) % frames.length] ?? sign, style };
}
