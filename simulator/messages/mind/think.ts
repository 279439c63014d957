import type { Conversation } from "../conversation.ts";
import type { Reply } from "../reply.ts";
import { schemaFault } from "../schema.ts";
import { executorReply } from "./executor.ts";
import { orchestratorReply } from "./orchestrator.ts";
import { plannerReply } from "./planner.ts";
import { reviewerReply } from "./reviewer.ts";
import { completed } from "./sample.ts";
import { ability } from "./task.ts";

const roles: Record<string, (conversation: Conversation) => Reply> = {
  orchestrator: orchestratorReply,
  planner: plannerReply,
  executor: executorReply,
  reviewer: reviewerReply,
};

/** What the built-in mind answers. Pure: it reads the conversation and nothing else. */
export function think(conversation: Conversation): Reply {
  const { role, schema } = conversation;
  const reply = (Object.hasOwn(roles, role) ? roles[role] : undefined)?.(conversation) ?? {
    output: { result: ability },
  };
  if (reply.output === undefined) return reply;
  // Without a format the answer is words; with one, what the schema wants beyond it is filled in.
  if (schema === undefined) return { text: Object.hasOwn(roles, role) ? JSON.stringify(reply.output) : ability };
  if (schemaFault(schema, JSON.stringify(reply.output)) === undefined) return reply;
  return { ...reply, output: completed(schema, reply.output, ability) };
}
