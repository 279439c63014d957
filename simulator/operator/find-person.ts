import { isWithin, type User } from "./facts.ts";
import type { Request } from "./request.ts";
import { mentions, type Span } from "./words.ts";

export type PersonSearch =
  | { kind: "found"; user: User; spans: Span[] }
  | { kind: "email"; email: string }
  | { kind: "me" }
  | { kind: "ambiguous"; candidates: User[]; label: string; spans: Span[] }
  | { kind: "unknown"; asked: string }
  | { kind: "unsaid" };

interface Hit extends Span {
  user: User;
  rank: number;
}

/** Finds the owner a request names: by email, else by full, first or last name among the users. */
export function findPerson(request: Request, users: User[], teamPaths: string[], loose = false): PersonSearch {
  const [email] = request.emails;
  if (email !== undefined) return { kind: "email", email };
  const hits = users.flatMap((user) => hitsOf(request.rest, user, loose));
  const best = Math.max(0, ...hits.map(({ rank }) => rank));
  const top = hits.filter(({ rank }) => rank === best);
  const users_ = [...new Map(top.map(({ user }) => [user.principal_id, user])).values()];
  const spans = top.map(({ start, end }) => ({ start, end }));
  if (users_.length === 0) {
    if (request.mine) return { kind: "me" };
    const asked = unknownName(request.rest);
    return asked === undefined ? { kind: "unsaid" } : { kind: "unknown", asked };
  }
  const inTeam = users_.filter((user) => teamPaths.some((path) => isWithin(user.home_ou_path, path)));
  const [only, ...others] = inTeam.length > 0 ? inTeam : users_;
  if (only !== undefined && others.length === 0) return { kind: "found", user: only, spans };
  const label = request.rest.slice(spans[0]?.start, spans[0]?.end);
  return { kind: "ambiguous", candidates: inTeam.length > 0 ? inTeam : users_, label, spans };
}

function hitsOf(text: string, user: User, loose: boolean): Hit[] {
  const parts = user.display_name.split(/\s+/).filter((part) => part.length > 1);
  const labels: [string, number][] = [[user.display_name, 4]];
  if (parts[0] !== undefined) labels.push([parts[0], 3]);
  const local = user.email.split("@")[0] ?? "";
  // "jane.doe" is as telling as the full name; "jane" no more than a first name.
  if (local.length > 2) labels.push([local.replace(/[._]/g, " "), /[._]/.test(local) ? 4 : 3]);
  for (const part of parts.slice(1)) labels.push([part, 2]);
  return labels.flatMap(([label, rank]) =>
    mentions(text, label)
      .filter((span) => loose || rank === 4 || isNameLike(text, span))
      .map((span) => ({ ...span, user, rank })),
  );
}

// A first name can be an ordinary word (a verb, a flower): a name is capitalised, and at the start of a
// sentence followed by what people do, not by a pronoun.
function isNameLike(text: string, { start, end }: Span): boolean {
  if (!/^\p{Lu}/u.test(text.slice(start, end))) {
    return /\b(?:for|owner(?:\s+is)?|owned\s+by|owner:)\s*$/i.test(text.slice(0, start));
  }
  const startsSentence = /(?:^|[.!?:]\s*)$/.test(text.slice(0, start));
  return !startsSentence || !/^\s+(?:you|we|i|it|the|an?|this|that|there|me)\b/i.test(text.slice(end));
}

function unknownName(text: string): string | undefined {
  const name = "(\\p{Lu}[\\p{L}'’-]+(?:\\s+\\p{Lu}[\\p{L}'’-]+)?)";
  const slots = [
    `\\b(?:owner\\s*(?:is|:|,|=)?|owned\\s+by|on\\s+behalf\\s+of)\\s+${name}`,
    `\\bfor\\s+${name}`,
    `(?:^|[.!?]\\s+)${name}\\s+(?:\\([^)]*\\)\\s+)?(?:needs|wants|would|could|requires|in|on)\\b`,
    `\\b(?:make|give|get)\\s+${name}\\s+an?\\b`,
  ];
  for (const slot of slots) {
    const found = new RegExp(slot, "u").exec(text)?.[1];
    if (found !== undefined && !/^(?:We|I|It|The|This|That|Please|Someone|Everyone|Owner)\b/.test(found)) return found;
  }
  return undefined;
}
