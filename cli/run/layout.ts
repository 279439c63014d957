import type { Paint, Style } from "../paint.ts";
import { cutToWidth, lastOfWidth, textWidth } from "./text-width.ts";

/** A piece of a line. Its text is printable and has no line breaks. */
export interface Span {
  text: string;
  style?: Style;
}

/** A line of which one piece gives way when there is little room. */
export interface Line {
  left: readonly Span[];
  flex?: Span & { keep?: "end" };
  right?: readonly Span[];
}

/** What the piece that gives way should have at least; with less, what stands right of it goes. */
const leastFlex = 8;

/** The line with at most so many columns. */
export function fitLine({ left, flex, right = [] }: Line, width: number, paint: Paint): string {
  const room = width - widthOf(left) - widthOf(right);
  const cramped = room < Math.min(leastFlex, flex === undefined ? 0 : textWidth(flex.text));
  const kept = cramped ? [] : right;
  const flexRoom = cramped ? width - widthOf(left) : room;
  const cut = flex?.keep === "end" ? lastOfWidth : cutToWidth;
  const middle = flex === undefined ? [] : [{ ...flex, text: cut(flex.text, flexRoom) }];

  let rest = width;
  let line = "";
  for (const { text, style } of [...left, ...middle, ...kept]) {
    const fitting = cutToWidth(text, rest);
    if (fitting === "") continue;
    rest -= textWidth(fitting);
    line += style === undefined ? fitting : paint(style, fitting);
  }
  return line;
}

function widthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { text }) => sum + textWidth(text), 0);
}
