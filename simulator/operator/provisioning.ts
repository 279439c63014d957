import { classify } from "./classify.ts";
import type { Context, Memory } from "./context.ts";
import { readDecision, settle } from "./decisions.ts";
import { inventory } from "./inventory.ts";
import { toolbox } from "./outcome.ts";
import { provision } from "./provision.ts";
import { type Conversation, listen, say } from "./replay.ts";
import { mended } from "./spelling.ts";
import type { Tool } from "./step.ts";
import { wireExisting } from "./wire-existing.ts";

const abilities =
  "I can take stock of OUs, users, skills, MCP servers and agents, create agents, attach MCP servers and skills to them, and mint their credentials. For example: “Set up a <purpose> agent for <person> on the <team> team with <MCP server> access.”";
const noApproval =
  "I can't approve or deny requests: not my own, and not anyone else's. That is for the approvers, in the `/approvals` inbox.";
const beyondTools =
  "I can't do that: it is not covered by my eleven tools, which list and describe things, create agents, attach MCP servers and skills, and create credentials. Use the console, the CLI or the API for it.";
const notUnderstood = "I did not understand what you want me to do.";

/** The conversation of an agent that has the provisioning tools: one intent after the other. */
export function* provisioning(tools: Tool[], memory: Memory): Conversation {
  const context: Context = {
    tools: toolbox(tools),
    memory,
    *hear() {
      while (true) {
        const message = yield* listen();
        const decision = readDecision(message);
        if (decision === undefined) return mended(message);
        yield* settle(context, decision);
      }
    },
  };
  let message = yield* context.hear();
  while (true) {
    const left = yield* respond(context, message);
    message = left ?? (yield* context.hear());
  }
}

function* respond(context: Context, message: string): Conversation<string | undefined> {
  const intent = classify(message);
  switch (intent) {
    case "provision":
      return yield* provision(context, message);
    case "inventory":
      return yield* inventory(context, message);
    case "wire":
      return yield* wireExisting(context, message);
    case "approve":
      yield* say(noApproval);
      return undefined;
    case "beyond":
      yield* say(beyondTools);
      return undefined;
    case "help":
      yield* say(abilities);
      return undefined;
    case "unknown":
      yield* say(`${notUnderstood} ${abilities}`);
      return undefined;
  }
}
