import { setTimeout as sleep } from "node:timers/promises";
import type { Response } from "express";
import type { StreamFault } from "../http/faults.ts";
import type { ContentBlock, Message } from "./compose.ts";

const pingMs = 10_000;

type StreamEvent = { type: string } & Record<string, unknown>;

export interface StreamOptions {
  delayMs: number;
  paceMs: number;
  fault: StreamFault | undefined;
}

/** Sends a message as server-sent events. Its content is that of the JSON answer, piece by piece. */
export async function streamMessage(res: Response, message: Message, options: StreamOptions): Promise<void> {
  const gone = new AbortController();
  res.once("close", () => gone.abort());
  res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  const ping = setInterval(() => record(res, { type: "ping" }), pingMs);
  let sent = 0;
  try {
    for (const event of eventsOf(message)) {
      if (options.fault !== undefined && sent === options.fault.afterEvents) {
        return await misbehave(res, options.fault, gone.signal);
      }
      if (gone.signal.aborted) return;
      record(res, event);
      sent += 1;
      if (sent === 1) {
        record(res, { type: "ping" });
        if (options.delayMs > 0) await sleep(options.delayMs, undefined, { signal: gone.signal });
      } else if (options.paceMs > 0 && event.type === "content_block_delta") {
        await sleep(options.paceMs, undefined, { signal: gone.signal });
      }
    }
    if (options.fault !== undefined) return await misbehave(res, options.fault, gone.signal);
    res.end();
  } catch (error) {
    // The client has gone: there is nobody left to tell.
    if (!gone.signal.aborted) throw error;
  } finally {
    clearInterval(ping);
  }
}

function record(res: Response, event: StreamEvent): void {
  if (!res.writableEnded && !res.destroyed) res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

async function misbehave(res: Response, fault: StreamFault, signal: AbortSignal): Promise<void> {
  // An answer that is cut has at least begun.
  res.flushHeaders();
  await sleep(fault.delayMs, undefined, { signal });
  if (fault.kind === "cut_stream") return void res.socket?.destroy();
  record(res, { type: "error", error: { type: fault.errorType, message: "The stream was ended by an error." } });
  res.end();
}

/** The events of a message in the order of the API. */
function* eventsOf(message: Message): Generator<StreamEvent> {
  const { usage } = message;
  yield {
    type: "message_start",
    message: {
      ...message,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      usage: { ...usage, output_tokens: 1, output_tokens_details: null },
    },
  };
  for (const [index, block] of message.content.entries()) {
    yield { type: "content_block_start", index, content_block: emptied(block) };
    for (const delta of deltas(block)) yield { type: "content_block_delta", index, delta };
    yield { type: "content_block_stop", index };
  }
  yield {
    type: "message_delta",
    delta: {
      stop_reason: message.stop_reason,
      stop_sequence: message.stop_sequence,
      stop_details: message.stop_details,
      container: null,
    },
    usage: {
      input_tokens: usage.input_tokens,
      cache_creation_input_tokens: usage.cache_creation_input_tokens,
      cache_read_input_tokens: usage.cache_read_input_tokens,
      output_tokens: usage.output_tokens,
      output_tokens_details: usage.output_tokens_details,
      server_tool_use: null,
    },
  };
  yield { type: "message_stop" };
}

function emptied(block: ContentBlock): ContentBlock {
  switch (block.type) {
    case "text":
      return { ...block, text: "" };
    case "thinking":
      return { ...block, thinking: "", signature: "" };
    case "tool_use":
      return { ...block, input: {} };
  }
}

function* deltas(block: ContentBlock): Generator<Record<string, unknown>> {
  switch (block.type) {
    case "text":
      for (const text of pieces(block.text)) yield { type: "text_delta", text };
      return;
    case "thinking":
      for (const thinking of pieces(block.thinking)) yield { type: "thinking_delta", thinking };
      yield { type: "signature_delta", signature: block.signature };
      return;
    case "tool_use":
      for (const partial_json of pieces(JSON.stringify(block.input))) yield { type: "input_json_delta", partial_json };
  }
}

// Words with the space after them, but not thousands of events for a long file.
function pieces(text: string): string[] {
  const words = text.match(/\s*\S+\s*|\s+/gu) ?? [];
  const size = Math.ceil(words.length / 200);
  const result: string[] = [];
  for (let at = 0; at < words.length; at += size) result.push(words.slice(at, at + size).join(""));
  return result;
}
