import type { Schema } from "../input/document.ts";

const shapes = {
  id: /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g,
  email: /[a-z0-9-]+@[a-z0-9-]+\.test/g,
  path: /(?<![\w:/])(?:\/[a-z0-9][a-z0-9-]*)+/g,
  token: /\b(?:pl[sct]\d?[_.][\w.-]{16,}|eyJ[\w-]{10,}\.[\w.-]+|req_[0-9a-f]{32})\b/g,
} as const;
type Shape = keyof typeof shapes;

/** Everything in a text that names something: ids, addresses, paths, tokens. */
export function namesIn(text: string, ...wanted: Shape[]): string[] {
  const looked = wanted.length === 0 ? (Object.keys(shapes) as Shape[]) : wanted;
  return looked.flatMap((shape) => text.match(shapes[shape]) ?? []);
}

/** What an agent has come across, and makes its next calls of. */
export class Harvest {
  private readonly found = new Set<string>();

  take(text: string): void {
    for (const name of namesIn(text)) this.found.add(name);
    for (const [, word] of text.matchAll(/"([a-z0-9-]{2,40})"/g)) if (word !== undefined) this.found.add(word);
  }

  /** Those that look like what a parameter takes. */
  like(parameter: string): string[] {
    const all = [...this.found];
    const of = (...wanted: Shape[]) => all.filter((name) => namesIn(name, ...wanted)[0] === name);
    if (parameter.endsWith("_id")) return of("id");
    if (parameter === "ou") return of("path", "id");
    if (parameter === "email" || parameter === "owner") return of("email", "id");
    return all;
  }

  get all(): string[] {
    return [...this.found];
  }
}

/** Where an agent takes arguments from. */
export interface Sources {
  random: () => number;
  harvest: Harvest;
  /** In the order of the places they lie in; of skills and servers, two in each. */
  targets: Readonly<Record<string, readonly string[]>>;
}

const wrong: readonly unknown[] = [
  null,
  true,
  -1,
  2 ** 40,
  1.5,
  [],
  {},
  ["x"],
  { $ne: "" },
  "",
  ".",
  "..",
  "\ud800",
  "*",
  "%",
];

/** What an agent might hope that somebody heeds. */
const claims: readonly Record<string, unknown>[] = [
  { act: "admin" },
  { sub: "admin", organisation_id: "*" },
  { dryRun: "false", force: true, approved: true },
  { kind: "service", permission_policy: "always_allow" },
  { _meta: { sub: "admin" }, headers: { authorization: "Bearer admin" } },
];

/** Arguments for a tool: what fits and exists, what was come across, what is of another kind, and claims nobody asked for. */
export function argumentsFor(tool: string, schema: Schema, { random, harvest, targets }: Sources) {
  const pick = <Value>(values: readonly Value[]): Value | undefined => values[Math.floor(random() * values.length)];
  // Half of the time, things of one place: what belongs together gets further.
  const place = random() < 0.5 ? Math.floor(random() * 4) : undefined;
  const target = (name: string) => {
    const all = targets[name] ?? [];
    if (place === undefined) return pick(all);
    const each = name === "skill_id" || name === "mcp_server_id" ? 2 : 1;
    return pick(name.endsWith("_id") || name === "ou" ? all.slice(place * each, (place + 1) * each) : all);
  };
  const required = new Set(schema.required);
  const given: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const wanted = required.has(name) || random() < (name === "ou" ? 0.8 : 0.3);
    if (!wanted) continue;
    const chance = random();
    const value =
      chance < 0.04
        ? pick(wrong)
        : chance < 0.1
          ? pick(harvest.all)
          : chance < 0.3
            ? pick(harvest.like(name))
            : property.type === "integer"
              ? // Seconds, too: nothing it makes may expire while it looks.
                pick([1, 1, 2, 3_600, 86_400])
              : /^(create_agent|agent_create)$/.test(tool) && name === "name"
                ? `planted-${Math.floor(random() * 1e9)}`
                : (target(name) ?? pick(harvest.all));
    given[name] = value ?? "nothing";
  }
  return random() < 0.08 ? { ...given, ...pick(claims) } : given;
}
