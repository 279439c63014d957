// Only words of requests: a name is never mended into something else.
const words =
  `agent agents assistant assistants create creates created connect connects connected should access provision
  server servers serve serves served skill skills please owner owners owned owns request requests requested pending
  approve approves approved approval using which there existing needs wants attach attached`.split(/\s+/);
const shortWords = ["with", "that", "this", "have", "team", "need", "want", "uses"];
const known = new Set([...words, ...shortWords]);

/**
 * A message with the usual slips of the keyboard in its verbs and nouns put right: one letter too many, too few, wrong,
 * or two in the wrong order. Words that are capitalised, or part of a path, an address or a slug, are left as they are.
 */
export function mended(text: string): string {
  return text.replace(/(?<![\p{L}\p{N}_@./-])\p{Ll}{4,12}(?![\p{L}\p{N}_@/]|[-.][\p{L}\p{N}])/gu, (word) => {
    if (known.has(word)) return word;
    return (
      shortWords.find((candidate) => isSwapped(word, candidate)) ??
      words.find((candidate) => isOneSlipAway(word, candidate)) ??
      word
    );
  });
}

function isSwapped(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  const at = firstDifference(a, b);
  return at < a.length && a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2);
}

function isOneSlipAway(a: string, b: string): boolean {
  if (isSwapped(a, b)) return true;
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (long.length - short.length > 1) return false;
  const at = firstDifference(long, short);
  return long.slice(at + 1) === short.slice(long.length === short.length ? at + 1 : at);
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
