import { type Fields, fieldsIn, fieldsOf, word, wordsOf } from "./payload.ts";

/** What a tool answered. */
export interface ToolResult {
  isError: boolean;
  /** Exactly as it came. */
  text: string;
  /** In one line. */
  summary: string;
  /** The API's problem document, when the answer is one. */
  problem?: { status: number; title: string; detail: string };
  /** Of our own server's answers: the request that waits for approval. */
  requestId?: string;
  /** Of our own server's answers: the agent that was made or changed. */
  agentId?: string;
}

/** Reads an answer. Only what our own server says of requests and agents is believed: links are made of it. */
export function readResult(payload: Fields, server: string): ToolResult {
  const text = wordsOf(payload["content"]);
  const value = fieldsIn(text);
  const isError = payload["is_error"] === true;
  const problem = isError ? problemOf(value) : undefined;
  const own = isOwnServer(server) ? value : undefined;
  const requestId =
    own?.["status"] === "pending_approval" ? matching(own["request_id"], /^[a-z]+_[0-9a-z]+$/) : undefined;
  const agentId = matching(fieldsOf(own?.["agent"])["id"], /^[0-9a-f-]{36}$/);
  return {
    isError,
    text,
    summary: oneLine(summaryOf(text, value)),
    ...(problem === undefined ? {} : { problem }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(agentId === undefined ? {} : { agentId }),
  };
}

/** Whether a server is the control plane's own. */
export function isOwnServer(server: string): boolean {
  return /^powerloom[-_]meta$/.test(server);
}

function problemOf(value: Fields | undefined): ToolResult["problem"] {
  const status = value?.["status"];
  return typeof status === "number" && status >= 400
    ? { status, title: word(value?.["title"]), detail: word(value?.["detail"]) }
    : undefined;
}

function summaryOf(text: string, value: Fields | undefined): string {
  if (value === undefined) return text;
  if (typeof value["status"] === "number")
    return `${value["status"]} ${word(value["title"])}: ${word(value["detail"])}`;
  if (typeof value["message"] === "string") return value["message"];
  const [list, ...more] = Object.entries(value);
  if (list !== undefined && more.length === 0 && Array.isArray(list[1])) return listed(list[0], list[1]);
  const name = word(value["display_name"]) || word(value["name"]) || word(value["email"]);
  return name === "" ? text : [name, word(value["ou_path"]) || word(value["home_ou_path"])].filter(Boolean).join(", ");
}

/** `3 agents: a, b, c`. Trees are read from the top down. */
function listed(key: string, items: readonly unknown[]): string {
  const names = flat(items).map((item) => word(item["path"] ?? item["email"] ?? item["name"] ?? item["id"]));
  const noun = key.replaceAll("_", " ");
  if (names.length === 0) return `no ${noun}`;
  return `${names.length} ${names.length === 1 ? noun.replace(/s$/, "") : noun}: ${names.join(", ")}`;
}

function flat(items: readonly unknown[]): Fields[] {
  return items
    .map(fieldsOf)
    .flatMap((item) => [item, ...(Array.isArray(item["children"]) ? flat(item["children"]) : [])]);
}

function matching(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === "string" && pattern.test(value) ? value : undefined;
}

/** A text in one line of bounded length. */
export function oneLine(text: string, longest = 200): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}
