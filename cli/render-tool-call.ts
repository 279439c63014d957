import type { Paint } from "./paint.ts";
import { asText, oneLine } from "./printable.ts";

type Fields = Record<string, unknown>;

/** `create_agent {name: "reviewer", ou: "/acme"}`; the server is named unless it is powerloom_meta itself. */
export function callText(payload: Fields, width: number, paint: Paint): string {
  const name = oneLine(asText(payload["name"], "tool"));
  const server = payload["mcp_server_name"];
  const foreign = typeof server === "string" && !/^powerloom[-_]meta$/.test(server) ? `${oneLine(server)}.` : "";
  const input = isFields(payload["input"]) ? payload["input"] : {};
  const shown = Object.entries(input).map(([key, value]) => `${key}: ${brief(value)}`);
  const text =
    shown.length === 0 ? "" : ` ${oneLine(`{${shown.join(", ")}}`, width - name.length - foreign.length - 5)}`;
  return `${paint("dim", foreign)}${paint("bold", name)}${text}`;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 60 ? `${text.slice(0, 58)}…${typeof value === "string" ? '"' : ""}` : text;
}

/** What a tool answered, in one line: the message of a change, the names in a list, the sentence of a refusal. */
export function resultText(payload: Fields, width: number): string {
  const text = contentText(payload["content"]);
  return oneLine(summary(text), width - 4) || "done";
}

function summary(text: string): string {
  const value = parsed(text);
  if (value === undefined) return text;
  if (typeof value["status"] === "number")
    return `${value["status"]} ${word(value["title"])}: ${word(value["detail"])}`;
  if (typeof value["message"] === "string") return value["message"];
  const [list] = Object.entries(value);
  if (list !== undefined && Object.keys(value).length === 1 && Array.isArray(list[1])) return listed(list[0], list[1]);
  if (typeof value["email"] === "string") return `${value["email"]}, at home in ${word(value["home_ou_path"])}`;
  if (typeof value["sync_state"] === "string")
    return `${word(value["name"])} in ${word(value["ou_path"])}, ${word(value["model"])}, ${value["sync_state"]}`;
  return text;
}

/** `3 agents: a, b, c`. A tree is flattened. */
function listed(key: string, items: unknown[]): string {
  const names = flattened(items).map((item) => word(item["path"] ?? item["email"] ?? item["name"] ?? item["id"]));
  const noun = key.replaceAll("_", " ");
  if (names.length === 0) return `no ${noun}`;
  return `${names.length} ${names.length === 1 ? noun.replace(/s$/, "") : noun}: ${names.join(", ")}`;
}

function flattened(items: unknown[]): Fields[] {
  return items
    .filter(isFields)
    .flatMap((item) => [item, ...(Array.isArray(item["children"]) ? flattened(item["children"]) : [])]);
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((block: unknown) => (isFields(block) ? word(block["text"]) : "")).join(" ");
}

function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
