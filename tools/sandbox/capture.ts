/** Keeps the beginning and the end of a stream, so that both what started and how it ended can be read. */
export interface Capture {
  add(chunk: Buffer): void;
  /** Bytes seen, kept or not. */
  seen(): number;
  text(): { text: string; truncated: boolean };
}

/** @param most bytes kept: three quarters of the beginning, one of the end */
export function createCapture(most: number): Capture {
  const headSize = Math.floor((most * 3) / 4);
  const tailSize = most - headSize;
  const head: Buffer[] = [];
  let inHead = 0;
  let tail: Buffer[] = [];
  let inTail = 0;
  let seen = 0;
  return {
    add(chunk) {
      seen += chunk.length;
      const first = chunk.subarray(0, headSize - inHead);
      if (first.length > 0) head.push(first);
      inHead += first.length;
      const rest = chunk.subarray(first.length);
      if (rest.length === 0) return;
      tail.push(rest);
      inTail += rest.length;
      // Compacted now and then, not at every chunk: an endless stream comes in very many.
      if (inTail < tailSize * 2 + (1 << 16)) return;
      tail = [Buffer.concat(tail).subarray(-tailSize)];
      inTail = tailSize;
    },
    seen: () => seen,
    text() {
      const end = Buffer.concat(tail);
      const left = seen - inHead - Math.min(end.length, tailSize);
      const begin = Buffer.concat(head);
      if (left <= 0) return { text: Buffer.concat([begin, end]).toString("utf8"), truncated: false };
      const note = `\n[${left} bytes left out]\n`;
      return { text: `${begin.toString("utf8")}${note}${end.subarray(-tailSize).toString("utf8")}`, truncated: true };
    },
  };
}
