import type Anthropic from "@anthropic-ai/sdk";
import { afterFault, type Circuit, choose, judge, whileAsked } from "../core/runs/endpoints.ts";
import { type MessageFault, messageFault } from "./message-faults.ts";
import { type CallOptions, countTokens, createMessage, type MessageRequest, type ModelReply } from "./messages.ts";

/** An endpoint that could not be used for a call, by its host, and why: a status or an error code, never its words. */
export interface PassedOver {
  endpoint: string;
  why: string;
}

/** Which endpoint did what, by host. */
export interface EndpointReport {
  operation: "messages" | "count_tokens";
  endpoint: string;
  outcome: "answered" | "passed_over" | "failed" | "refused" | "unknown" | "aborted";
  why: string;
}

/** A call that no endpoint has answered. */
export class CallFailed extends Error {
  readonly fault: MessageFault;
  /** Whose word the fault is; null when it is said of all of them. */
  readonly endpoint: string | null;
  readonly passedOver: readonly PassedOver[];
  /** A status or an error code. */
  get why(): string {
    return whyOf(this.fault);
  }
  constructor(fault: MessageFault, endpoint: string | null, passedOver: readonly PassedOver[], cause?: unknown) {
    super(fault.kind === "aborted" ? "the call was abandoned" : fault.message, { cause });
    this.fault = fault;
    this.endpoint = endpoint;
    this.passedOver = passedOver;
  }
}

/** The endpoints of runs' model calls, in their order. What is known of their health is of this process alone. */
export interface ModelEndpoints {
  /** One answer, by the first endpoint that gives one: the same request and the same model everywhere. Throws `CallFailed`. */
  createMessage(
    request: MessageRequest,
    options?: CallOptions,
  ): Promise<{ reply: ModelReply; endpoint: string; passedOver: readonly PassedOver[] }>;
  /** How many input tokens a request has. Throws `CallFailed`, whose fault is never unknown: counting is free. */
  countTokens(request: MessageRequest, signal?: AbortSignal): Promise<number>;
}

/**
 * @param clients the first endpoint's, then those of the fallbacks
 * @param options.now epoch milliseconds
 * @param options.tell is told of every call that was sent
 */
export function createModelEndpoints(
  clients: readonly Anthropic[],
  { now, tell = () => undefined }: { now: () => number; tell?: (report: EndpointReport) => void },
): ModelEndpoints {
  const endpoints = clients.map((claude) => ({ claude, host: hostOf(claude.baseURL) }));
  const circuits: Circuit[] = clients.map(() => null);

  async function ask<Reply>(operation: EndpointReport["operation"], send: (claude: Anthropic) => Promise<Reply>) {
    const passedOver: PassedOver[] = [];
    const choice = choose(circuits, now());
    for (const place of "ask" in choice ? choice.ask : []) {
      const endpoint = endpoints[place];
      if (endpoint === undefined) continue;
      const { claude, host } = endpoint;
      circuits[place] = whileAsked(circuits[place] ?? null, now());
      try {
        const reply = await send(claude);
        circuits[place] = null;
        tell({ operation, endpoint: host, outcome: "answered", why: "" });
        return { reply, endpoint: host, passedOver };
      } catch (error) {
        const fault = operation === "count_tokens" ? freeFault(error) : messageFault(error);
        if (fault === undefined) throw error;
        const judgement = judge(fault, place === 0 ? "first" : "fallback");
        // One that does not count may still answer.
        const onlyCounts = operation === "count_tokens" && fault.kind === "definite" && !fault.retryable && place > 0;
        const go = onlyCounts ? "next" : judgement.go;
        if (!onlyCounts) circuits[place] = afterFault(circuits[place] ?? null, judgement, now());
        const why = whyOf(fault);
        if (go === "stop" || endpoints.length === 1) {
          tell({ operation, endpoint: host, outcome: outcomeOf(fault), why });
          throw new CallFailed(fault, host, passedOver, error);
        }
        tell({ operation, endpoint: host, outcome: "passed_over", why });
        passedOver.push({ endpoint: host, why });
        if (go === "later") break;
      }
    }
    const again = choose(circuits, now());
    const asked = passedOver.map(({ endpoint, why }) => `${endpoint}: ${why}`).join("; ");
    throw new CallFailed(
      {
        kind: "definite",
        retryable: true,
        message: `no model endpoint can be used now (${asked || "all are to be left alone for a while"})`,
        ...("waitMs" in again ? { retryAfterMs: again.waitMs } : {}),
      },
      null,
      passedOver,
    );
  }

  return {
    createMessage: (request, options = {}) => ask("messages", (claude) => createMessage(claude, request, options)),
    countTokens: async (request, signal) =>
      (await ask("count_tokens", (claude) => countTokens(claude, request, signal))).reply,
  };
}

/** Counting costs nothing: whether it was done does not matter, and it may be done again. */
function freeFault(error: unknown): MessageFault | undefined {
  const fault = messageFault(error);
  return fault?.kind === "unknown" ? { kind: "definite", retryable: true, message: fault.message } : fault;
}

/** With the port, unless that is the one of https. */
function hostOf(baseUrl: string): string {
  const { protocol, host, port } = new URL(baseUrl);
  return protocol === "http:" && port === "" ? `${host}:80` : host;
}

function whyOf(fault: MessageFault): string {
  if (fault.kind !== "definite") return fault.kind;
  return fault.status === undefined ? (fault.code ?? "not reachable") : `status ${fault.status}`;
}

function outcomeOf(fault: MessageFault): EndpointReport["outcome"] {
  if (fault.kind !== "definite") return fault.kind;
  return fault.retryable ? "failed" : "refused";
}
