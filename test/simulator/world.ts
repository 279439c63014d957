import { randomUUID } from "node:crypto";

/** A small organisation drawn from a seed: nobody chose its names with the operator in mind. */

export interface WorldOu {
  id: string;
  path: string;
  name: string;
  display_name: string;
  parent_id: string | null;
  created_at: string;
}
export interface WorldUser {
  id: string;
  principal_id: string;
  email: string;
  display_name: string;
  home_ou_id: string;
  home_ou_path: string;
  status: "active";
  created_at: string;
}
export interface WorldServer {
  id: string;
  name: string;
  display_name: string;
  description: string;
  url: string;
  ou_id: string;
  ou_path: string;
  deployment: "external";
  health: "healthy";
  created_at: string;
}
export interface WorldSkill {
  id: string;
  name: string;
  description: string;
  ou_id: string;
  ou_path: string;
  latest_version: number;
  created_at: string;
}
export interface World {
  ous: WorldOu[];
  users: WorldUser[];
  servers: WorldServer[];
  skills: WorldSkill[];
}

const at = "2026-11-01T08:00:00Z";
const firstNames = ["Emma", "Jonas", "Priya", "Mateo", "Will", "Grace", "Zofia", "Kofi", "Ana", "Hiro", "Noor", "Mark"];
const lastNames = ["Novak", "Okafor", "Lindqvist", "Moreau", "Tanaka", "O'Brien", "Kaya", "Smith", "Ferrari", "Bauer"];
const teamNames = [
  "Sales",
  "Platform",
  "Data Science",
  "Legal",
  "Field Operations",
  "Marketing",
  "Security",
  "Finance",
];
const serverNames = [
  ["apollo-mcp", "Apollo"],
  ["gmail-mcp", "Gmail"],
  ["pg-analytics", "PG Analytics"],
  ["hubspot", "HubSpot"],
  ["github-mcp-server", "GitHub"],
  ["gdrive-mcp", "Google Drive"],
  ["pagerduty-mcp", "PagerDuty"],
  ["notion-connector", "Notion"],
] as const;
export const purposes = [
  "sales-prospecting",
  "invoice triage",
  "code review",
  "PostgreSQL analysis",
  "incident-response",
  "contract summarisation",
  "customer onboarding",
  "release notes",
];

/** Numbers from a seed (mulberry32), so that a failing case can be run again. */
export function dice(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const shuffle = <T>(items: readonly T[]): T[] =>
    items
      .map((item) => ({ item, key: next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  return { pick, shuffle };
}

export function ouAt(path: string, displayName: string, parent: WorldOu | undefined): WorldOu {
  const name = path.split("/").at(-1) ?? path;
  return { id: randomUUID(), path, name, display_name: displayName, parent_id: parent?.id ?? null, created_at: at };
}

export function userIn(ou: WorldOu, displayName: string, email: string): WorldUser {
  const id = randomUUID();
  return {
    id,
    principal_id: id,
    email,
    display_name: displayName,
    home_ou_id: ou.id,
    home_ou_path: ou.path,
    status: "active",
    created_at: at,
  };
}

export function serverIn(ou: WorldOu, name: string, displayName: string): WorldServer {
  return {
    id: randomUUID(),
    name,
    display_name: displayName,
    description: `Tools of ${displayName}`,
    url: `http://127.0.0.1:9/${name}`,
    ou_id: ou.id,
    ou_path: ou.path,
    deployment: "external",
    health: "healthy",
    created_at: at,
  };
}

export function skillIn(ou: WorldOu, name: string, description: string): WorldSkill {
  return {
    id: randomUUID(),
    name,
    description,
    ou_id: ou.id,
    ou_path: ou.path,
    latest_version: 1,
    created_at: at,
  };
}

/** Draws an organisation. */
export function drawWorld(seed: number): World {
  const { pick, shuffle } = dice(seed);
  const slug = pick(["acme", "globex", "initech"]);
  const root = ouAt(`/${slug}`, slug.charAt(0).toUpperCase() + slug.slice(1), undefined);
  const teams = shuffle(teamNames)
    .slice(0, 4)
    .map((team) => ouAt(`${root.path}/${team.toLowerCase().replace(/ /g, "-")}`, team, root));
  const production = ouAt(`${root.path}/production`, "Production", root);
  const people = shuffle(firstNames).slice(0, 6);
  const families = shuffle(lastNames);
  const users = people.map((first, index) => {
    const family = families[index] ?? "Doe";
    return userIn(
      pick(teams),
      `${first} ${family}`,
      `${first}.${family}@${slug}.example`.toLowerCase().replace("'", ""),
    );
  });
  const servers = shuffle(serverNames)
    .slice(0, 5)
    .map(([name, display]) => serverIn(root, name, display));
  const skills = [
    skillIn(root, "web-search", "Finds prospects, news and documents on the web"),
    skillIn(root, "sql-review", "Checks SQL and PostgreSQL queries"),
    skillIn(root, "tone-of-voice", "How we write to customers"),
  ];
  return { ous: [root, ...teams, production], users, servers, skills };
}
