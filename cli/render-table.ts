import type { Paint } from "./paint.ts";
import { asText, oneLine } from "./printable.ts";

type Row = Record<string, unknown>;

/** The most useful fields of each list, in the order people look for them. Others show their first plain fields. */
const columns: Readonly<Record<string, readonly string[]>> = {
  "ou.list": ["path", "display_name", "id"],
  "user.list": ["email", "display_name", "home_ou_path", "status", "id"],
  "group.list": ["name", "ou_path", "members", "id"],
  "role.list": ["name", "description"],
  "binding.list": ["role", "ou_path", "principal_name", "principal_kind", "expires_at", "id"],
  "skill.list": ["name", "ou_path", "latest_version", "description", "id"],
  "skill_version.list": ["version", "created_at", "content"],
  "mcp_server.list": ["name", "ou_path", "url", "health", "id"],
  "agent.list": ["name", "ou_path", "model", "sync_state", "owner_email", "mcp_servers", "skills", "id"],
  "credential.list": ["mcp_server_name", "kind", "expires_at", "revoked_at", "id"],
  "policy.list": ["name", "ou_path", "operations", "approver_role", "approvals_needed", "enabled", "id"],
  "request.list": ["id", "operation", "status", "requester_email", "ou_path", "created_at"],
  "approval.list": ["id", "status", "operation", "requester_email", "ou_path", "can_vote", "expires_at"],
  "session.list": ["id", "agent_name", "invoker_email", "status", "end_reason", "created_at"],
  "session_event.list": ["position", "type", "at"],
  "budget.list": [
    "ou_path",
    "tokens_limit",
    "tokens_used",
    "tokens_held",
    "tokens_left",
    "cost_usd_limit",
    "cost_usd_left",
  ],
  "elevation.list": ["agent", "tool", "requester_email", "ou_path", "expires_at", "id"],
  "audit.list": ["position", "at", "operation", "outcome", "target", "ou", "rule"],
};

const headings: Readonly<Record<string, string>> = {
  ou_path: "ou",
  home_ou_path: "home ou",
  owner_email: "owner",
  requester_email: "requester",
  invoker_email: "invoker",
  principal_name: "who",
  principal_kind: "kind",
  mcp_server_name: "mcp server",
};

/** Aligned columns with a heading; one sentence when there is nothing. */
export function renderTable(name: string, rows: readonly Row[], paint: Paint): string[] {
  const [first] = rows;
  if (first === undefined) return [paint("dim", "Nothing to show.")];
  const fields = columns[name] ?? plainFields(first);
  const cells = rows.map((row) => fields.map((field) => cell(row[field])));
  const titles = fields.map((field) => (headings[field] ?? field.replaceAll("_", " ")).toUpperCase());
  const widths = fields.map((_field, at) => Math.max(...[titles, ...cells].map((line) => line[at]?.length ?? 0)));
  const align = (line: string[]) =>
    line
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  return [paint("dim", align(titles)), ...cells.map((line) => align(line))];
}

function plainFields(row: Row): string[] {
  return Object.keys(row)
    .filter((field) => typeof row[field] !== "object")
    .slice(0, 6);
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return oneLine(value.map(short).join(", "), 40) || "–";
  if (typeof value === "object") return oneLine(JSON.stringify(value), 40);
  return oneLine(withoutFraction(asText(value)), 64);
}

function short(item: unknown): string {
  if (typeof item === "object" && item !== null && "name" in item) return String(item.name);
  return asText(item);
}

/** A point in time to the second: `2026-11-01 08:00:00Z`. */
function withoutFraction(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, "$1 $2Z");
}
