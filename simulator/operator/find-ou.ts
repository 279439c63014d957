import { isWithin, type Ou } from "./facts.ts";
import type { Request } from "./request.ts";
import { mentions, overlaps, type Span } from "./words.ts";

export type OuSearch =
  | { kind: "found"; ou: Ou; spans: Span[] }
  | { kind: "ambiguous"; candidates: Ou[]; label: string; spans: Span[] }
  | { kind: "unknown"; asked: string }
  | { kind: "unsaid" };

interface Mention extends Span {
  ou: Ou;
  label: string;
  grade: number;
}

/** Finds the OU a request names: by path, else by name or display name. `loose` takes names in any position. */
export function findOu(request: Pick<Request, "rest" | "paths" | "text">, ous: Ou[], loose = false): OuSearch {
  const byPath = fromPaths(request, ous);
  if (byPath !== undefined) return byPath;
  const found = allMentions(request.rest, ous).filter(({ grade }) => loose || grade > 0);
  const top = Math.max(0, ...found.map(({ grade }) => grade));
  const chosen = found.filter(({ grade }) => grade >= Math.min(2, top));
  if (chosen.length === 0) return unknownTeam(request.rest, ous);
  const spans = chosen.map(({ start, end }) => ({ start, end }));
  const candidates = narrow(chosen, found);
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return { kind: "found", ou: only, spans };
  return { kind: "ambiguous", candidates, label: chosen[0]?.label ?? "", spans };
}

function fromPaths({ paths, text }: Pick<Request, "paths" | "text">, ous: Ou[]): OuSearch | undefined {
  const relative = [...text.matchAll(/(?<![\p{L}\p{N}:/.@-])[\p{L}\p{N}_-]+(?:\/[\p{L}\p{N}_-]+)+/gu)].map(
    ([path]) => path,
  );
  for (const path of [...paths, ...relative]) {
    const wanted = path.toLowerCase();
    const exact = ous.filter((ou) => ou.path.toLowerCase() === wanted);
    const hits =
      exact.length > 0 ? exact : ous.filter((ou) => ou.path.toLowerCase().endsWith(`/${wanted.replace(/^\//, "")}`));
    const start = text.indexOf(path);
    const spans = [{ start, end: start + path.length }];
    if (hits.length > 1) return { kind: "ambiguous", candidates: hits, label: path, spans };
    if (hits[0] !== undefined) return { kind: "found", ou: hits[0], spans };
    if (path.startsWith("/")) return { kind: "unknown", asked: path };
  }
  return undefined;
}

function allMentions(text: string, ous: Ou[]): Mention[] {
  const all = ous.flatMap((ou) =>
    [...new Set([ou.display_name, ou.name].map((label) => label.toLowerCase()))].flatMap((label) =>
      mentions(text, label).map((span) => ({ ...span, ou, label, grade: gradeOf(text, span) })),
    ),
  );
  // Where one name contains another, the longer one is meant.
  return all.filter(
    (one) => !all.some((other) => overlaps(one, other) && other.end - other.start > one.end - one.start),
  );
}

function gradeOf(text: string, { start, end }: Span): number {
  const left = text.slice(0, start);
  if (
    /^\s*(?:team|ou|org(?:ani[sz]ational)?\s+unit|unit|department|dept|group|division|squad)\b/i.test(text.slice(end))
  )
    return 3;
  if (/\b(?:in|inside|into|under|within|on|at|belongs?\s+to|part\s+of|joins?)\s+(?:the\s+|our\s+)?$/i.test(left))
    return 3;
  if (/(?:\(|,|—|–| - )\s*(?:the\s+|team\s+)?$/i.test(left)) return 2;
  if (/\b(?:team|ou|unit|department|division)\s*(?:is|:|=)?\s*$/i.test(left)) return 2;
  if (/\b(?:for|of|from|to|by)\s+(?:the\s+|our\s+)?$/i.test(left)) return 1;
  return 0;
}

// "A under B" or "A in B": the other names say which of the same-named units is meant.
function narrow(chosen: Mention[], all: Mention[]): Ou[] {
  const candidates = [...new Map(chosen.map(({ ou }) => [ou.id, ou])).values()];
  if (candidates.length < 2) return candidates;
  const below = candidates.filter((ou) =>
    all.some(
      (other) => other.ou.id !== ou.id && isWithin(ou.path, other.ou.path) && other.label !== labelOf(chosen, ou),
    ),
  );
  return below.length > 0 && below.length < candidates.length ? below : candidates;
}

function labelOf(chosen: Mention[], ou: Ou): string | undefined {
  return chosen.find((mention) => mention.ou.id === ou.id)?.label;
}

function unknownTeam(text: string, ous: Ou[]): OuSearch {
  const match =
    /\b(?:on|in|for)\s+(?:the\s+|our\s+)?([\p{L}\p{N}][\p{L}\p{N} &-]{0,30}?)\s+(?:team|ou|department|division|unit)\b/iu.exec(
      text,
    ) ?? /\b(?:in|into|under)\s+(?:the\s+)?([\p{Lu}][\p{L}\p{N}-]*)(?=[\s.,;:?!)]|$)/u.exec(text);
  const asked = match?.[1]?.trim();
  if (asked === undefined || /^(?:root|the|this|that|same|my|our|your|which|what)$/i.test(asked)) {
    const root = /\broot\b/i.test(text)
      ? ous.find((ou) => ous.every((other) => isWithin(other.path, ou.path)))
      : undefined;
    return root === undefined ? { kind: "unsaid" } : { kind: "found", ou: root, spans: [] };
  }
  return { kind: "unknown", asked };
}
