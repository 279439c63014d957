import type Anthropic from "@anthropic-ai/sdk";
import type {
  ContentBlock,
  MessageCreateParamsStreaming,
  StopReason,
  Usage,
} from "@anthropic-ai/sdk/resources/messages";
import { BrokenAnswer } from "./message-faults.ts";

/** A request to the Messages API; whether it is streamed is not the caller's to say. */
export type MessageRequest = Omit<MessageCreateParamsStreaming, "stream">;

/** A content block as it came over the wire: fit to be sent back in the next request. */
export type ReplyBlock = { type: ContentBlock["type"]; [field: string]: unknown };

/** A whole answer of the model. */
export interface ModelReply {
  id: string;
  content: ReplyBlock[];
  stop: StopReason | "unknown";
  usage: Usage;
  /** The model that answered. */
  model: string;
  requestId: string | null;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Gets text as it comes. */
  onText?: (delta: string) => void;
  /** Called for every event and every second, for as long as the call lasts. */
  heartbeat?: () => void;
  /** How long the provider may take to begin its answer. */
  startWithinMs?: number;
  /** How long the whole call may take. */
  endWithinMs?: number;
}

const heartbeatMs = 1_000;

/**
 * One call of the model: streamed, never repeated, and gathered into one answer. Throws the SDK's error, or `BrokenAnswer`
 * when the answer had begun; `messageFault` says what either means.
 */
export async function createMessage(
  claude: Anthropic,
  request: MessageRequest,
  options: CallOptions = {},
): Promise<ModelReply> {
  const { onText, heartbeat, startWithinMs = 120_000, endWithinMs = 20 * 60_000 } = options;
  // The SDK's timeout ends with the headers; without a limit, a stream that pings for ever would be waited for as long.
  const late = new AbortController();
  const ending = setTimeout(() => late.abort(), endWithinMs);
  const signals = options.signal === undefined ? [late.signal] : [late.signal, options.signal];
  const beat = heartbeat === undefined ? undefined : setInterval(heartbeat, heartbeatMs);
  let begun = false;
  try {
    const stream = claude.messages.stream(request, {
      maxRetries: 0,
      timeout: startWithinMs,
      signal: AbortSignal.any(signals),
    });
    stream.on("streamEvent", () => {
      begun = true;
      heartbeat?.();
    });
    if (onText !== undefined) stream.on("text", (delta) => onText(delta));
    const message = await stream.finalMessage();
    return {
      id: message.id,
      content: message.content.map(asSent),
      stop: message.stop_reason ?? "unknown",
      usage: message.usage,
      model: message.model,
      requestId: stream.request_id ?? null,
    };
  } catch (error) {
    if (late.signal.aborted && options.signal?.aborted !== true) {
      throw new BrokenAnswer(new Error(`it took longer than ${endWithinMs} ms`));
    }
    throw begun || answerBegan(error) ? new BrokenAnswer(error) : error;
  } finally {
    clearInterval(beat);
    clearTimeout(ending);
  }
}

/** How many input tokens the provider counts for a request. Free of charge, and free to repeat. */
export async function countTokens(claude: Anthropic, request: MessageRequest, signal?: AbortSignal): Promise<number> {
  const { model, messages, system, tools, tool_choice, output_config, thinking, cache_control } = request;
  const counted = { system, tools, tool_choice, output_config, thinking, cache_control };
  const given = Object.fromEntries(Object.entries(counted).filter(([, value]) => value !== undefined));
  const { input_tokens } = await claude.messages.countTokens(
    { ...given, model, messages },
    { maxRetries: 0, ...(signal === undefined ? {} : { signal }) },
  );
  return input_tokens;
}

// The stream helper adds `parsed_output`, which the API would not take back.
function asSent(block: ContentBlock & { parsed_output?: unknown }): ReplyBlock {
  const { parsed_output: _, ...rest } = block;
  return rest;
}

// A stream that ends or is cut before its first event has had its headers: fetch's error is then only the cause.
function answerBegan(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.cause instanceof TypeError && /terminated/.test(error.cause.message)
    ? true
    : /stream ended without|request ended without/.test(error.message);
}
