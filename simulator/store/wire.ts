import type { BetaManagedAgentsAgent } from "@anthropic-ai/sdk/resources/beta/agents/agents";
import type { BetaEnvironment } from "@anthropic-ai/sdk/resources/beta/environments/environments";
import type {
  BetaManagedAgentsSendSessionEvents,
  BetaManagedAgentsSessionEvent,
} from "@anthropic-ai/sdk/resources/beta/sessions/events";
import type {
  BetaManagedAgentsDeltaEvent,
  BetaManagedAgentsSession,
  BetaManagedAgentsStartEvent,
} from "@anthropic-ai/sdk/resources/beta/sessions/sessions";
import type { BetaSkill } from "@anthropic-ai/sdk/resources/beta/skills/skills";
import type { BetaSkillVersion } from "@anthropic-ai/sdk/resources/beta/skills/versions";
import type { BetaManagedAgentsCredential } from "@anthropic-ai/sdk/resources/beta/vaults/credentials";
import type { BetaManagedAgentsVault } from "@anthropic-ai/sdk/resources/beta/vaults/vaults";

/** The shapes on the wire are the SDK's own types, so that a wrong field is a compile error here. */
export type Agent = BetaManagedAgentsAgent;
export type AgentTool = Agent["tools"][number];
export type Environment = BetaEnvironment;
export type Vault = BetaManagedAgentsVault;
export type Credential = BetaManagedAgentsCredential;
export type Skill = BetaSkill;
export type SkillVersion = BetaSkillVersion;
export type Session = BetaManagedAgentsSession;
export type SessionEvent = BetaManagedAgentsSessionEvent;
export type UserEvent = NonNullable<BetaManagedAgentsSendSessionEvents["data"]>[number];
export type Preview = BetaManagedAgentsStartEvent | BetaManagedAgentsDeltaEvent;

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An event before it got its id and time. */
export type NewEvent = Without<SessionEvent, "id" | "processed_at">;
export type StopReason = Extract<SessionEvent, { type: "session.status_idle" }>["stop_reason"];
