/** One line of a text that changed. */
export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
}

/** Texts beyond this many lines are shown whole, before and after: the table below grows with the product. */
const mostLines = 2_000;

/**
 * What became of a text, line by line (longest common subsequence).
 * @returns lines in reading order; what was removed stands before what was added in its place
 */
export function diffLines(before: string, after: string): DiffLine[] {
  const old = before.split("\n");
  const now = after.split("\n");
  if (old.length > mostLines || now.length > mostLines)
    return [
      ...old.map((text) => ({ kind: "removed", text }) as const),
      ...now.map((text) => ({ kind: "added", text }) as const),
    ];
  // longest[i][j]: length of the longest common subsequence of old from i on and now from j on.
  const longest = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  const at = (i: number, j: number) => longest[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--) {
      const row = longest[i];
      if (row !== undefined) row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const [oldText, newText] = [old[i], now[j]];
    if (oldText !== undefined && oldText === newText) {
      lines.push({ kind: "same", text: oldText });
      i++;
      j++;
    } else if (oldText !== undefined && (newText === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: "removed", text: oldText });
      i++;
    } else {
      lines.push({ kind: "added", text: newText ?? "" });
      j++;
    }
  }
  return lines;
}
