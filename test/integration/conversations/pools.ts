import { seededRandom } from "../../support/organisation.ts";

/** Names that organisations are drawn from. None of them stands in the operator's source: `pools.test.ts` looks. */

export const firstNames = [
  "Emma",
  "Jonas",
  "Priya",
  "Mateo",
  "Will",
  "Grace",
  "Zofia",
  "Kofi",
  "Hiro",
  "Noor",
  "Mark",
  "Ingrid",
  "Tomasz",
  "Amara",
  "Luca",
  "Yuki",
  "Fatima",
  "Björn",
  "Chiara",
  "Dmitri",
  "Esther",
  "Felipe",
  "Gwen",
  "Hassan",
  "Iris",
  "Joy",
  "Kwame",
  "Leila",
  "Miguel",
  "Nadia",
  "Olu",
  "Petra",
  "Quentin",
  "Rosa",
  "Sanjay",
  "Tess",
  "Umar",
  "Violet",
] as const;

export const lastNames = [
  "Novak",
  "Okafor",
  "Lindqvist",
  "Moreau",
  "Tanaka",
  "O'Brien",
  "Kaya",
  "Smith",
  "Ferrari",
  "Bauer",
  "Haddad",
  "Castillo",
  "Nguyen",
  "Petrov",
  "Andersson",
  "Mensah",
  "Rossi",
  "Fischer",
  "Park",
  "Dubois",
  "Iyer",
  "Cohen",
  "Van Dijk",
  "Silva",
  "Müller",
  "Young",
  "Reyes",
  "Kowalska",
  "Chase",
  "Abe",
  "Banks",
  "Ólafsdóttir",
] as const;

export const teams = [
  "Sales",
  "Platform",
  "Data Science",
  "Legal",
  "Field Operations",
  "Marketing",
  "Finance",
  "Procurement",
  "Customer Success",
  "Human Resources",
  "Research and Development",
  "Quality",
  "Logistics",
  "Treasury",
  "Design",
  "Site Reliability",
  "Partnerships",
  "Compliance",
  "Mobile",
  "Payroll",
] as const;

/** Where changes are guarded: an approval policy, or no right at all. */
export const guardedTeams = [
  "Production",
  "Vault Operations",
  "Live Trading",
  "Clinical",
  "Core Banking",
  "Launch Control",
] as const;

/** Name and display name. */
export const servers = [
  ["apollo-mcp", "Apollo"],
  ["gmail-mcp", "Gmail"],
  ["pg-analytics", "PG Analytics"],
  ["hubspot", "HubSpot"],
  ["github-mcp-server", "GitHub"],
  ["gdrive-mcp", "Google Drive"],
  ["pagerduty-mcp", "PagerDuty"],
  ["notion-connector", "Notion"],
  ["jira-cloud", "Jira"],
  ["salesforce-mcp", "Salesforce"],
  ["stripe-mcp", "Stripe"],
  ["snowflake-sql", "Snowflake"],
  ["zendesk-mcp", "Zendesk"],
  ["sap-bridge", "SAP Bridge"],
  ["figma-mcp-server", "Figma"],
  ["grafana-mcp", "Grafana"],
  ["outlook-mail", "Outlook Mail"],
  ["miro-boards", "Miro"],
  ["s3-browser", "S3 Browser"],
  ["workday-hr", "Workday"],
] as const;

/** A skill is attached unasked exactly when a purpose shares its topic. */
export const skills = [
  { name: "clause-library", topic: "contract", description: "Knows how each contract clause of ours is worded" },
  { name: "ledger-rules", topic: "invoice", description: "Which invoice goes where, and who signs it off" },
  { name: "runbook-reader", topic: "incident", description: "Where each incident runbook stands" },
  { name: "brand-voice", topic: "newsletter", description: "Tone and vocabulary of every newsletter" },
  { name: "query-tuning", topic: "postgresql", description: "Indexes, joins and statistics of PostgreSQL" },
  { name: "lead-scoring", topic: "prospect", description: "Ranks a prospect by size and need" },
] as const;

/** Work to be done, with the topic of the skill that fits, if any. */
export const purposes = [
  ["sales-prospecting", "prospect"],
  ["invoice triage", "invoice"],
  ["code review", undefined],
  ["PostgreSQL analysis", "postgresql"],
  ["incident-response", "incident"],
  ["contract summarisation", "contract"],
  ["customer onboarding", undefined],
  ["release notes", undefined],
  ["meeting preparation", undefined],
  ["expense auditing", undefined],
  ["shipment tracking", undefined],
  ["newsletter drafting", "newsletter"],
  ["churn forecasting", undefined],
  ["dependency upgrade", undefined],
  ["bug triage", undefined],
  ["travel booking", undefined],
  ["vendor comparison", undefined],
  ["log analysis", undefined],
  ["accessibility testing", undefined],
  ["translation", undefined],
  ["stock replenishment", undefined],
  ["interview scheduling", undefined],
  ["GDPR request handling", undefined],
  ["cost-optimisation", undefined],
  ["API documentation", undefined],
  ["fraud detection", undefined],
  ["tax filing", undefined],
  ["press-clipping", undefined],
  ["warranty claim", undefined],
  ["energy reporting", undefined],
  ["menu planning", undefined],
  ["patent search", undefined],
  ["survey evaluation", undefined],
  ["budget reconciliation", undefined],
] as const;

/** Choices from a seed: the same seed makes the same organisation and the same conversations. */
export interface Dice {
  pick<T>(items: readonly T[]): T;
  /** So many different ones. */
  draw<T>(items: readonly T[], count: number): T[];
}

export function diceOf(seed: number): Dice {
  const next = seededRandom(seed);
  const draw = <T>(items: readonly T[], count: number): T[] => {
    if (count > items.length) throw new Error(`the pool has ${items.length} names, ${count} were wanted`);
    const left = [...items];
    return Array.from({ length: count }, () => left.splice(Math.floor(next() * left.length), 1)[0] as T);
  };
  return { draw, pick: (items) => draw(items, 1)[0] as (typeof items)[number] };
}

export const slugOf = (name: string): string =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");

export const fill = (template: string, values: Record<string, string>): string =>
  template.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${placeholder} has no value`);
    return value;
  });
