const segments = new Intl.Segmenter("en", { granularity: "grapheme" });
// East Asian Wide and Fullwidth (UAX 11), as blocks; and what is drawn as a picture.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2fb}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{M}\p{Cf}]+$/u;
const plain = /^[\x20-\x7e]*$/;

/** Columns a text takes on a terminal. The text has no control characters. */
export function textWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segments.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** The beginning of a text that takes at most so many columns; `…` where something is missing. */
export function cutToWidth(text: string, width: number): string {
  if (width <= 0) return "";
  if (textWidth(text) <= width) return text;
  let kept = "";
  let taken = 0;
  for (const { segment } of segments.segment(text)) {
    taken += graphemeWidth(segment);
    if (taken > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** The same for the end of a text. */
export function lastOfWidth(text: string, width: number): string {
  if (width <= 0) return "";
  if (textWidth(text) <= width) return text;
  let kept = "";
  let taken = 0;
  for (const { segment } of [...segments.segment(text)].reverse()) {
    taken += graphemeWidth(segment);
    if (taken > width - 1) break;
    kept = segment + kept;
  }
  return `…${kept}`;
}

function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  return wide.test(grapheme) ? 2 : 1;
}
