import type { McpServer, Skill } from "./facts.ts";
import { blank, meaningfulStems, mentions, overlaps, type Span, stem } from "./words.ts";

export interface Wanted<T> {
  /** Things that exist; several with one name are grouped. */
  matched: T[][];
  spans: Span[];
}

const generic = new Set(["mcp", "server", "servers", "connector", "integration", "api", "the", "tools", "service"]);

/** The MCP servers a text names: by name, display name, or the name without words such as `mcp` and `server`. */
export function findServers(text: string, servers: McpServer[], fullText: string): Wanted<McpServer> {
  return find(text, fullText, servers, (server) => {
    const labels = [server.name, server.display_name];
    return { full: labels, core: labels.map(core) };
  });
}

/** The skills a text names. */
export function findSkills(text: string, skills: Skill[], fullText: string): Wanted<Skill> {
  return find(text, fullText, skills, (skill) => ({ full: [skill.name], core: [] }));
}

function find<T extends { name: string }>(
  text: string,
  fullText: string,
  things: T[],
  labelsOf: (thing: T) => { full: string[]; core: string[] },
): Wanted<T> {
  const found: { thing: T; span: Span }[] = [];
  for (const thing of things) {
    const { full, core: short } = labelsOf(thing);
    // A full name with several words counts even inside the purpose; a single word there is the purpose's.
    for (const label of new Set(full.filter((one) => /[\s_-]/.test(one)))) {
      for (const span of mentions(fullText, label)) found.push({ thing, span });
    }
    for (const label of new Set([...full, ...short].filter((one) => one.length > 1))) {
      for (const span of mentions(text, label)) found.push({ thing, span });
    }
  }
  const longest = found.filter(
    ({ span }) =>
      !found.some((other) => overlaps(span, other.span) && other.span.end - other.span.start > span.end - span.start),
  );
  longest.sort((a, b) => a.span.start - b.span.start);
  const groups = new Map<string, Map<T, T>>();
  for (const { thing, span } of longest) {
    const key = `${span.start}`;
    const same = [...groups.values()].find((group) => group.has(thing));
    const group = same ?? groups.get(key) ?? new Map<T, T>();
    group.set(thing, thing);
    if (same === undefined) groups.set(key, group);
  }
  return { matched: [...groups.values()].map((group) => [...group.keys()]), spans: longest.map(({ span }) => span) };
}

function core(label: string): string {
  return label
    .split(/[\s_-]+/)
    .filter((word) => !generic.has(word.toLowerCase()))
    .join(" ");
}

const list = "([^.;:!?]+)";
const sureSlots = [
  /\busing\s+([\p{L}\p{N}_-]+)(?=\s*(?:[.,;]|\band\b|\bplus\b|$))/giu,
  /\bwith\s+([^.;:!?]*?)\s+access\b/giu,
  new RegExp(`\\baccess\\s+to\\s+${list}`, "giu"),
  new RegExp(
    `\\b(?:wired?|hook(?:ed)?|connect(?:ed|s)?|link(?:ed)?)(?:\\s+it)?(?:\\s+up)?\\s+(?:in)?to\\s+${list}`,
    "giu",
  ),
  new RegExp(`\\breach(?:es)?\\s+${list}`, "giu"),
  /\bMCP\s+servers?\s*:?\s+([\p{L}\p{N}_-]+(?:\s*(?:,|and|plus|&)\s*[\p{L}\p{N}_-]+)*)/giu,
  /\b(?:the|an?)\s+([\p{L}\p{N}_-]+)\s+MCP\b/giu,
];
const looseSlots = [new RegExp(`\\b(?:uses?|using|give\\s+it|gets|needs|with|plus|and)\\s+${list}`, "giu")];
const notNames =
  /^(?:read|write|full|limited|read-only|internet|web|network|no|its?|data|admin|least|only|nothing|else|nothing else|everything|all|them|both|the|that|this|those|these|minimal|appropriate|necessary|needed|required|claude|tools|right|our|their|his|her|existing|any|some)$/i;

/** Names in the places where servers are named that match nothing known. `known` are the spans already understood. */
export function unknownServers(text: string, known: Span[]): string[] {
  const marked = blank(text, known, "\u0001");
  const names: string[] = [];
  const consider = (slots: RegExp[], sure: boolean) => {
    for (const slot of slots) {
      for (const match of marked.matchAll(slot)) {
        for (const item of itemsOf(match[1] ?? "")) {
          if (/skill/i.test(item)) continue;
          const name = trimmed(item);
          const capitalised = /^\p{Lu}/u.test(name) || /-mcp$/i.test(name);
          if (name === "" || name.includes("\u0001") || notNames.test(name)) continue;
          if (capitalised ? name.split(/\s+/).length > 3 : !sure || /\s/.test(name)) continue;
          if (!/^[\p{L}\p{N}]/u.test(name)) continue;
          names.push(name);
        }
      }
    }
  };
  consider(sureSlots, true);
  consider(looseSlots, false);
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
}

/** Skills that were asked for by name and match nothing known. */
export function unknownSkills(text: string, known: Span[]): string[] {
  const marked = blank(text, known, "\u0001");
  const names = [
    ...marked.matchAll(
      /\b(?:the|an?|and|with|plus)\s+([\p{L}\p{N}_-]+)\s+skills?\b|\bskills?\s*(?:called|named|:)\s*([\p{L}\p{N}_-]+)/giu,
    ),
  ]
    .map((match) => match[1] ?? match[2] ?? "")
    .filter(
      (name) =>
        name !== "" && !notNames.test(name) && !/^(?:suitable|relevant|matching|fitting|same|other)$/i.test(name),
    );
  return [...new Set(names)];
}

function itemsOf(text: string): string[] {
  return text.split(/,|\band\b|\bplus\b|&|\bas well as\b|\bbut\b|\bor\b/i).map((item) => item.trim());
}

function trimmed(item: string): string {
  const left = item.replace(
    /^(?:(?:the|an?|both|its?|our|to|also|only|just|mcp|servers?|give it|access|use)\s+)+/i,
    "",
  );
  return left
    .replace(
      /(?:\s+(?:access|mcp|servers?|tools?|integrations?|connectors?|too|please|as well|for\b.*|in\b.*|on\b.*|owned\b.*))+$/i,
      "",
    )
    .replace(/[)"'`”’?!]+$/, "")
    .replace(/^[("'`“‘]+/, "")
    .trim();
}

// Kinds of work, not subjects: a review of contracts and a review of SQL have nothing in common.
const kindsOfWork = new Set(
  "review analysis analyze report research search check summary summarise summarize response write monitor note draft"
    .split(" ")
    .map(stem),
);

/** Skills nobody named that fit the purpose, each with the words that say so. */
export function fittingSkills(purpose: string, skills: Skill[]): { skill: Skill; because: string[] }[] {
  const wanted = new Set([...meaningfulStems(purpose)].filter((word) => !kindsOfWork.has(word)));
  return skills.flatMap((skill) => {
    const words = `${skill.name} ${skill.description}`.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    const offered = meaningfulStems(`${skill.name} ${skill.description}`);
    const because = [...new Set(words)].filter((word) => offered.has(stem(word)) && wanted.has(stem(word)));
    return because.length === 0 ? [] : [{ skill, because }];
  });
}
