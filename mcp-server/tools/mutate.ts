import { z } from "zod";
import type { MetaToolName } from "../../contracts/meta-tools.ts";
import { digestOf } from "../../core/canonical.ts";
import { failureOf, jsonOf } from "../api-requests.ts";
import type { Caller } from "./tool-call.ts";

/** How long the API remembers the key: asking again within a conversation is a repetition, next week it is a new wish. */
const keySeconds = 600;

/** A mutation that a tool stands for. */
export interface Mutation {
  tool: MetaToolName;
  operation: string;
  path: string;
  /** The tool's arguments as the model gave them: with the session they make the key. */
  args: Record<string, unknown>;
  body: Record<string, unknown>;
}

/** What the API made of a mutation. */
export type MutationAnswer =
  | { status: "applied"; resource: unknown }
  | { status: "pending_approval" | "received"; requestId: string; ouPath: string | undefined };

const request = z.object({ id: z.string(), status: z.string(), ou_path: z.string().nullish() });

/** The same call in the same session is the same mutation, whatever the order of its arguments (RFC 8785). */
export function idempotencyKey(session: string, tool: string, args: Record<string, unknown>): string {
  return digestOf({ session, tool, arguments: args });
}

/** Asks the API for one mutation. A refusal, and anything unexpected, is thrown as received. */
export async function mutate(caller: Caller, { tool, operation, path, args, body }: Mutation): Promise<MutationAnswer> {
  const client = await caller.delegate(operation);
  const answer = await client.post(path, body, {
    "idempotency-key": idempotencyKey(caller.session, tool, args),
    "powerloom-key-ttl": String(keySeconds),
  });
  switch (answer.status) {
    case 200:
    case 201:
      return { status: "applied", resource: jsonOf(answer) };
    case 202: {
      const { id, status, ou_path } = request.parse(jsonOf(answer));
      return {
        status: status === "pending_approval" ? status : "received",
        requestId: id,
        ouPath: ou_path ?? undefined,
      };
    }
    default:
      throw failureOf(answer);
  }
}
