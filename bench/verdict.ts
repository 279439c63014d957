const green = "\u001b[32m";
const red = "\u001b[31m";
const plain = "\u001b[39m";

/** A verdict in words, coloured on a terminal. */
export function paintVerdict(met: boolean | undefined, color: boolean): string {
  if (met === undefined) return "(no target)";
  const word = met ? "met" : "MISSED";
  return color ? `${met ? green : red}${word}${plain}` : word;
}
