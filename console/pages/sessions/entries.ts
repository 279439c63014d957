import { type Fields, fieldsOf, word, wordsOf } from "./payload.ts";
import { readResult, type ToolResult } from "./tool-result.ts";

interface Placed {
  /** Of the event it began with: no two are alike. */
  position: number;
  at: string;
}

/** Something said: by the person, by the agent, or by the control plane about a decision. */
interface Said extends Placed {
  kind: "person" | "agent" | "control_plane";
  text: string;
}

/** A tool call, from the moment it was asked for to its answer. */
export interface Call extends Placed {
  kind: "call";
  id: string;
  /** Empty for tools that no MCP server offers. */
  server: string;
  tool: string;
  input: Fields;
  /** What somebody decided who was asked first; null while nobody has. */
  asked?: { decision: "allow" | "deny" | null; reason: string };
  /** Null while it runs. */
  result: ToolResult | null;
}

/** A decision that people were asked for. */
interface Asked extends Placed {
  kind: "approval";
  requestId: string;
  summary: string;
}

/** A line between the others. */
interface Line extends Placed {
  kind: "line";
  tone: "quiet" | "warning" | "bad";
  text: string;
}

/** What is shown of a conversation. */
export type Entry = Said | Call | Asked | Line;

export interface SessionEvent {
  position: number;
  type: string;
  payload: unknown;
  at: string;
}

/** What only programs need. */
const unshown = /^(span\.|session\.(thread_|usage|updated|status_running)|agent\.(thinking|thread_))/;

/** How the provider names the call that a result or a confirmation is about. */
const callNames = ["mcp_tool_use_id", "tool_use_id", "custom_tool_use_id"] as const;

/** Adds to a list of entries what an event shows, or changes the call it is about. The list is changed in place. */
export function show(entries: Entry[], { position, type, payload: given, at }: SessionEvent): void {
  const payload = fieldsOf(given);
  const placed = { position, at };
  const line = (tone: Line["tone"], text: string) => entries.push({ ...placed, kind: "line", tone, text });
  switch (type) {
    case "user.message":
    case "agent.message": {
      const text = wordsOf(payload["content"]).trim();
      // The control plane tells a session of decisions in the person's place, marked as its own.
      const kind = type === "agent.message" ? "agent" : text.startsWith("[powerloom]") ? "control_plane" : "person";
      if (text !== "") entries.push({ ...placed, kind, text });
      return;
    }
    case "agent.mcp_tool_use":
    case "agent.tool_use":
    case "agent.custom_tool_use":
      entries.push({
        ...placed,
        kind: "call",
        id: word(payload["id"]),
        server: word(payload["mcp_server_name"]),
        tool: word(payload["name"]) || "a tool without a name",
        input: fieldsOf(payload["input"]),
        ...(payload["evaluated_permission"] === "ask" ? { asked: { decision: null, reason: "" } } : {}),
        result: null,
      });
      return;
    case "agent.mcp_tool_result":
    case "agent.tool_result":
    case "user.custom_tool_result":
      if (!change(entries, payload, (call) => ({ ...call, result: readResult(payload, call.server) })))
        line("quiet", `The answer of a tool call that is not shown: ${readResult(payload, "").summary}`);
      return;
    case "user.tool_confirmation": {
      const decision = payload["result"] === "allow" ? "allow" : "deny";
      const reason = word(payload["deny_message"]);
      if (!change(entries, payload, (call) => ({ ...call, asked: { decision, reason } })))
        line("quiet", decision === "allow" ? "A tool call was allowed" : `A tool call was denied${because(reason)}`);
      return;
    }
    case "powerloom.approval_requested":
      entries.push({
        ...placed,
        kind: "approval",
        requestId: word(payload["request_id"]),
        summary: word(payload["summary"]),
      });
      return;
    case "user.interrupt":
      line("warning", "Interrupted");
      return;
    case "session.status_idle":
      restLine(fieldsOf(payload["stop_reason"]), line);
      return;
    case "session.status_rescheduled":
      line("warning", "The provider tries again");
      return;
    case "session.status_terminated":
    case "session.deleted":
      line("bad", "The provider terminated the session");
      return;
    case "session.error":
      line("bad", faultOf(fieldsOf(payload["error"])));
      return;
    case "powerloom.not_delivered":
      line(
        "bad",
        `This could not be delivered (${word(payload["kind"])})${because(word(fieldsOf(payload["problem"])["detail"]))}`,
      );
      return;
    case "powerloom.session_ended":
      line("quiet", `The session is over${because(word(payload["reason"]))}`);
      return;
    default:
      if (!unshown.test(type)) line("quiet", `Something this console does not know has happened: ${type}`);
  }
}

/** Puts a changed call in the place of the call that a payload is about. False when there is none. */
function change(entries: Entry[], payload: Fields, changed: (call: Call) => Call): boolean {
  const id = callNames.map((name) => word(payload[name])).find((name) => name !== "");
  // Answers come soon after their calls: from the end.
  const index = entries.findLastIndex((entry) => entry.kind === "call" && entry.id === id);
  const call = entries[index];
  if (id === undefined || call?.kind !== "call") return false;
  entries[index] = changed(call);
  return true;
}

function restLine({ type }: Fields, line: (tone: Line["tone"], text: string) => void): void {
  if (type === "budget_reached") line("warning", "The session's budget is used up");
  if (type === "retries_exhausted") line("bad", "The provider gave up after several tries");
  if (type === "refusal") line("bad", "The model refused");
}

function faultOf(error: Fields): string {
  const server = word(error["mcp_server_name"]);
  const retry = word(fieldsOf(error["retry_status"])["type"]);
  const name = (word(error["type"]) || "error").replaceAll("_", " ");
  return `${name}${server === "" ? "" : ` (${server})`}: ${word(error["message"]) || "no detail"}${retry === "" ? "" : ` [${retry}]`}`;
}

function because(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}
