import { type Paint, painter, type Style } from "./paint.ts";
import { asText, oneLine, printable } from "./printable.ts";
import { callText, resultText } from "./render-tool-call.ts";

/** One message of a session's stream. The payload is the provider's event, or ours for `powerloom.*`. */
export interface StreamEvent {
  position: number;
  type: string;
  payload: unknown;
  at: string;
}

export interface EventStyle {
  /** Colours; only for a terminal. */
  color?: boolean;
  /** Longest line of a tool call or result. Default 120. */
  width?: number;
  /** Whether to show what the person said. Default true; a terminal shows it already as it is typed. */
  person?: boolean;
}

type Payload = Record<string, unknown>;

/** What people read of an event: no lines for what only programs need. Pure. */
export function renderEvent(
  event: StreamEvent,
  { color = false, width = 120, person = true }: EventStyle = {},
): string[] {
  const paint = painter(color);
  const payload = isPayload(event.payload) ? event.payload : {};
  const sign = (style: Style, mark: string, text: string) => [`${paint(style, mark)} ${text}`];
  switch (event.type) {
    case "agent.message":
      return narration(payload, paint);
    case "agent.mcp_tool_use":
    case "agent.tool_use":
    case "agent.custom_tool_use":
      return sign("cyan", "  →", callText(payload, width, paint));
    case "agent.mcp_tool_result":
    case "agent.tool_result":
      return payload["is_error"] === true
        ? sign("red", "  ✗", resultText(payload, width))
        : sign("green", "  ✓", paint("dim", resultText(payload, width)));
    case "user.message":
      // The control plane tells a session of decisions in the person's place, marked as its own.
      if (textOf(payload).startsWith("[powerloom]")) return sign("yellow", "·", oneLine(textOf(payload), width - 2));
      return person ? sign("bold", "›", oneLine(textOf(payload), width - 2)) : [];
    case "user.interrupt":
      return sign("yellow", "■", "Interrupted");
    case "user.tool_confirmation":
      return payload["result"] === "allow"
        ? sign("green", "  ✓", "An approver allowed the call")
        : sign("red", "  ✗", `The call was denied${because(payload["deny_message"])}`);
    case "session.status_idle":
      return rest(payload, sign);
    case "session.status_rescheduled":
      return sign("yellow", "…", "The provider is retrying");
    case "session.status_terminated":
      return sign("red", "■", "The provider terminated the session");
    case "session.error":
      return sign("red", "!", fault(payload));
    case "powerloom.approval_requested":
      return [
        ...sign("yellow", "⏸", `Waits for approval: ${oneLine(asText(payload["summary"]), width)}`),
        paint("dim", `  powerloom approvals vote ${oneLine(asText(payload["request_id"]))} --decision approve`),
      ];
    case "powerloom.session_ended":
      return sign("dim", "■", `Session over${because(payload["reason"])}`);
    default:
      return event.type.startsWith("powerloom.")
        ? sign("dim", "·", oneLine(`${event.type.slice("powerloom.".length)} ${JSON.stringify(payload)}`, width))
        : [];
  }
}

/** Renders events one after the other, with an empty line before each paragraph. */
export function createTranscript(): (event: StreamEvent, style?: EventStyle) => string[] {
  let begun = false;
  return (event, style) => {
    const lines = renderEvent(event, style);
    if (lines.length === 0) return lines;
    const paragraph = event.type === "agent.message" || event.type === "user.message";
    const spaced = begun && paragraph ? ["", ...lines] : lines;
    begun = true;
    return spaced;
  };
}

/** The words of a message's content blocks. */
export function textOf(payload: unknown): string {
  const content = isPayload(payload) ? payload["content"] : undefined;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block: unknown) => (isPayload(block) && typeof block["text"] === "string" ? block["text"] : ""))
    .join("");
}

/** The agent's words, with the two marks of Markdown that read badly as they are turned into style. */
function narration(payload: Payload, paint: Paint): string[] {
  const text = printable(textOf(payload)).trim();
  if (text === "") return [];
  return text
    .split("\n")
    .map((line) =>
      line
        .replace(/\*\*([^*]+)\*\*/g, (_all, words: string) => paint("bold", words))
        .replace(/`([^`]+)`/g, (all, code: string) => (paint("cyan", "x") === "x" ? all : paint("cyan", code))),
    );
}

function rest(payload: Payload, sign: (style: Style, mark: string, text: string) => string[]): string[] {
  const reason = isPayload(payload["stop_reason"]) ? payload["stop_reason"]["type"] : undefined;
  switch (reason) {
    case "requires_action":
      return sign("yellow", "…", "A tool call waits for an approver");
    case "budget_reached":
      return sign("yellow", "■", "The budget is used up");
    case "retries_exhausted":
      return sign("red", "■", "The provider gave up after several tries");
    case "refusal":
      return sign("red", "■", "The model refused");
    default:
      return [];
  }
}

function fault(payload: Payload): string {
  const error = isPayload(payload["error"]) ? payload["error"] : {};
  const server = typeof error["mcp_server_name"] === "string" ? ` (${error["mcp_server_name"]})` : "";
  const retry = isPayload(error["retry_status"]) ? ` [${asText(error["retry_status"]["type"])}]` : "";
  return oneLine(`${asText(error["type"], "error")}${server}: ${asText(error["message"], "no detail")}${retry}`);
}

function because(reason: unknown): string {
  return typeof reason === "string" && reason !== "" ? `: ${oneLine(reason)}` : "";
}

function isPayload(value: unknown): value is Payload {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
