import { blank, type Span } from "./words.ts";

/** What can be read off a prompt before anything is known about the organisation. */
export interface Request {
  text: string;
  /** The text with purpose, addresses, paths and model names blanked, so that names in them are not found twice. */
  rest: string;
  purpose: string | undefined;
  emails: string[];
  paths: string[];
  /** The agent is to be owned by whoever is asking. */
  mine: boolean;
  /** Nothing beyond what was named is wanted. */
  nothingElse: boolean;
  model: string | undefined;
  name: string | undefined;
}

const noun = "(?:agents?|assistants?|bots?|co-?pilots?|helpers?)";
const article = "(?:an?|the|another|one|new|my|our|this|that)";
const word = "[\\p{L}\\p{N}&+/.'’-]+";
const before = new RegExp(`\\b${article}\\s+((?:(?!${article}\\b)${word}\\s+){1,7}?)${noun}\\b`, "giu");
const bare = new RegExp(
  `\\b(?:create|set\\s+up|provision|build|make|deploy|launch|add|needs?|wants?)\\s+((?:(?!${article}\\b)${word}\\s+){1,5}?)${noun}\\b`,
  "giu",
);
// "… agent, owner …": an order that begins with the thing itself.
const leading = new RegExp(
  `(?:^|:)\\s*((?:(?!(?:${article}|what|which|who|how|are|is|do|does|list|show|tell|give|please|all|any|existing|inventory|overview)\\b)${word}\\s+){1,6}?)(?:agent|assistant|bot|co-?pilot|helper)(?=\\s*(?:[,;.(:]|->|→|$|(?:for|in|on|with|owned|using|that)\\b))`,
  "giu",
);
const end =
  "(?=\\s+(?:with|using|via|through|in|on|for|owned|under|and\\s+(?:give|use|wire|connect|hook|attach))\\b|[.,;:()]|$)";
const after = [
  new RegExp(
    `${noun}\\b[^.;?!]*?\\b(?:that|which|who|to)\\s+(?:can\\s+|will\\s+|should\\s+)?(?:does|do|handles?|performs?|runs?|helps?(?:\\s+\\w+)?\\s+with|takes?\\s+care\\s+of|works?\\s+on|focus(?:es)?\\s+on|covers?|manages?|is\\s+(?:responsible\\s+)?for)\\s+([^.,;:()]+?)${end}`,
    "giu",
  ),
  new RegExp(
    `${noun}\\b[^.;?!]*?\\b(?:that|which|who|to)\\s+(?:can\\s+|will\\s+|should\\s+)?((?!(?:reach|use|access|connect|need|have|has|be|is|can|should|work|talk)\\w*\\b)\\p{Ll}+\\s[^.,;:()]+?)${end}`,
    "gu",
  ),
  new RegExp(`\\b(?:purpose|job|task)\\s*(?:is|:)\\s*([^.,;:()]+?)${end}`, "giu"),
  // A capital begins a name, unless more follow in the same word and a common word comes next ("GDPR requests").
  new RegExp(
    `${noun}\\s+for\\s+(?!me\\b|the\\b|our\\b|my\\b)((?:\\p{Ll}|\\p{L}*\\p{Lu}\\p{L}*\\p{Lu}\\p{L}*\\s\\p{Ll}{4})[^.,;:()@/]*?)${end}`,
    "gu",
  ),
];
const fillers =
  /^(?:scoped|new|governed|dedicated|simple|small|little|managed|personal|shared|ai|claude|quick|fresh|second|basic|own|single|good|proper|properly|narrowly|tightly|separate|additional|extra|suitable|another|such|an?|the)$/i;

/** Reads a provisioning prompt. */
export function readRequest(text: string): Request {
  const emailSpans = spansOf(text, /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu);
  const pathSpans = spansOf(text, /(?<![\p{L}\p{N}:/.@])\/[\p{L}\p{N}_-]+(?:\/[\p{L}\p{N}_-]+)*/gu);
  const urlSpans = spansOf(text, /https?:\/\/\S+/gu);
  const modelSpans = spansOf(text, /\bclaude-[a-z0-9.-]*[a-z0-9]/gi);
  const nameSpans = namedSpans(text);
  const facts = [...emailSpans, ...pathSpans, ...urlSpans, ...modelSpans, ...nameSpans];
  const withoutFacts = blank(text, facts);
  const purposeSpan = findPurpose(withoutFacts);
  const slice = ({ start, end: stop }: Span) => text.slice(start, stop);
  return {
    text,
    rest: blank(withoutFacts, purposeSpan === undefined ? [] : [purposeSpan]),
    purpose: purposeSpan && clean(slice(purposeSpan)),
    emails: emailSpans.map(slice).map((email) => email.toLowerCase()),
    paths: pathSpans.map(slice),
    mine: /\b(?:for\s+me(?:self)?|for\s+myself|owned\s+by\s+me|owner\s*(?:is|:|,)?\s+me|i\s+(?:will\s+)?own|my\s+own)\b/i.test(
      text,
    ),
    nothingElse:
      /\b(?:nothing\s+else|nothing\s+more|no\s+(?:other\s+)?skills?|only\s+(?:that|those|these)|and\s+that'?s\s+(?:it|all))\b/i.test(
        text,
      ),
    model: modelSpans[0] && slice(modelSpans[0]).toLowerCase(),
    name: nameSpans[0] && slice(nameSpans[0]).toLowerCase(),
  };
}

/** The purpose an answer to "what should it do?" names. */
export function purposeOfAnswer(text: string): string | undefined {
  const own = readRequest(text).purpose;
  const plain = text
    .replace(/^\W*(?:it\s+(?:should|will|must)\s+(?:do\s+)?|to\s+|for\s+)/i, "")
    .replace(/[.!]+\s*$/, "");
  return own ?? (clean(plain) || undefined);
}

/** A name for an agent from its purpose: lower-case letters, digits and hyphens. */
export function slugOf(purpose: string): string {
  const small = new Set(["a", "an", "and", "of", "the", "to", "with", "on", "in", "for", "our", "their", "its"]);
  const words = (
    purpose
      .normalize("NFKD")
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? []
  ).filter((one) => !small.has(one));
  const slug = words.slice(0, 5).join("-").slice(0, 50).replace(/-$/, "");
  return `${/^[a-z]/.test(slug) ? slug : `x-${slug || "new"}`}-agent`;
}

function findPurpose(text: string): Span | undefined {
  for (const pattern of [before, bare, leading, ...after]) {
    for (const match of text.matchAll(pattern)) {
      const group = match[1] ?? "";
      if (clean(group) === "") continue;
      const start = match.index + match[0].lastIndexOf(group);
      return { start, end: start + group.length };
    }
  }
  return undefined;
}

function clean(text: string): string {
  const words = text.trim().split(/\s+/);
  while (words[0] !== undefined && (fillers.test(words[0]) || /['’]s?$/.test(words[0]))) words.shift();
  return words.join(" ");
}

function namedSpans(text: string): Span[] {
  const pattern = /\b(?:called|named|name\s+it|call\s+it)\s+["'`“‘]?([A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)/g;
  return [...text.matchAll(pattern)].map((match) => {
    const start = match.index + match[0].length - (match[1] ?? "").length;
    return { start, end: start + (match[1] ?? "").length };
  });
}

function spansOf(text: string, pattern: RegExp): Span[] {
  return [...text.matchAll(pattern)].map((match) => ({ start: match.index, end: match.index + match[0].length }));
}
