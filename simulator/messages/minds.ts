import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { notFound } from "../http/errors.ts";
import { timestamp } from "../ids.ts";
import { mindPrefix } from "./check.ts";
import { readConversation } from "./conversation.ts";
import { think } from "./mind/think.ts";
import type { Reply } from "./reply.ts";
import type { MessageRequest } from "./request.ts";
import { chooseReply } from "./scripted/choose.ts";
import { type MindDefinition, mindSchema, type Rule } from "./scripted/script.ts";
import { fillTemplates } from "./scripted/templates.ts";

/** One request that reached a mind. */
export interface MindCall {
  at: string;
  request_id: string;
  model: string;
  role: string;
  turn: number;
  /** What `output_config.effort` asked for. */
  effort: string | null;
  /** SHA-256 of the request's canonical JSON without `stream`. */
  digest: string;
  /** Whether the whole answer was handed to the network; false while it is under way. */
  answered: boolean;
  status: number;
}

const builtIn = "built-in";
const keptCalls = 20_000;

/** The minds that answer messages: those that tests armed, and the built-in one for every other model. */
export function minds() {
  const armed = new Map<string, { definition: MindDefinition; used: Map<Rule, number> }>();
  const calls = new Map<string, MindCall[]>();
  const nameOf = (model: string) => (model.startsWith(mindPrefix) ? model : builtIn);

  return {
    /** Arms a mind, in place of an older one of the same name, whose calls are forgotten. */
    arm(body: unknown): string[] {
      const definition = mindSchema.parse(body);
      armed.set(definition.name, { definition, used: new Map() });
      calls.delete(definition.name);
      return [...armed.keys()];
    },
    clear(): void {
      armed.clear();
      calls.clear();
    },
    /** Whether a model id that names a mind names one that is armed. */
    requireArmed(model: string): void {
      if (model.startsWith(mindPrefix) && !armed.has(model)) throw notFound(`model: ${model} (no such mind is armed)`);
    },
    reply(request: MessageRequest): Reply {
      const conversation = readConversation(request);
      const mind = armed.get(request.model);
      if (mind === undefined) return think(conversation);
      return fillTemplates(chooseReply(mind.definition, conversation, mind.used), conversation);
    },
    /** Notes a request; the caller completes the record when the answer is out. */
    record(request: MessageRequest, requestId: string): MindCall {
      const { role, turn } = readConversation(request);
      const { stream: _, ...rest } = request;
      const call: MindCall = {
        at: timestamp(),
        request_id: requestId,
        model: request.model,
        role,
        turn,
        effort: request.output_config?.effort ?? null,
        digest: createHash("sha256")
          .update(canonicalize(rest) ?? "")
          .digest("hex"),
        answered: false,
        status: 0,
      };
      const list = calls.get(nameOf(request.model)) ?? [];
      list.push(call);
      calls.set(nameOf(request.model), list.length > keptCalls ? list.slice(-keptCalls / 2) : list);
      return call;
    },
    view(): { name: string; calls: number; requests: MindCall[] }[] {
      const names = new Set([...armed.keys(), ...calls.keys()]);
      return [...names].map((name) => {
        const requests = calls.get(name) ?? [];
        return { name, calls: requests.length, requests };
      });
    },
  };
}

export type Minds = ReturnType<typeof minds>;
