import type { McpServer, Skill } from "./facts.ts";
import type { Toolbox } from "./outcome.ts";
import type { Conversation } from "./replay.ts";

/** An agent to be brought to what was asked for. */
export interface Wiring {
  agentId: string | undefined;
  agentName: string;
  ouPath: string;
  existed: boolean;
  servers: McpServer[];
  skills: Skill[];
  /** What waits for a decision, by what it is. */
  pending: Map<string, string>;
  /** What was denied, and is not tried again. */
  refused: Set<string>;
}

/** What outlives one intent: the approvals being waited for, and what to do once they are decided. */
export interface Memory {
  waiting: Map<string, { wiring: Wiring; key: string }>;
}

export interface Context {
  tools: Toolbox;
  memory: Memory;
  /** The person's next message; decisions on waiting requests are dealt with on the way. */
  hear(): Conversation<string>;
}
