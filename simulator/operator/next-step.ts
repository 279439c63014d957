import type { SessionEvent } from "../store/wire.ts";
import type { Memory } from "./context.ts";
import { provisioning } from "./provisioning.ts";
import { type Conversation, replay } from "./replay.ts";
import { scripted } from "./script.ts";
import type { NextStep, Tool } from "./step.ts";
import { working } from "./worker.ts";

/**
 * What the mind does next: a pure function of the session's history and the tools it is offered. Which of the two
 * ways of working it takes depends on the tools alone.
 */
export function nextStep(history: SessionEvent[], tools: Tool[], script?: string): NextStep {
  const memory: Memory = { waiting: new Map() };
  return replay(history, () => mind(tools, memory, script));
}

function mind(tools: Tool[], memory: Memory, script: string | undefined): Conversation {
  if (script !== undefined) return scripted(script);
  const names = new Set(tools.map(({ name }) => name));
  return names.has("create_agent") && names.has("list_ous") ? provisioning(tools, memory) : working(tools);
}
