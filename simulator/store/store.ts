import type { DatabaseSync } from "node:sqlite";
import { atomically, openDatabase } from "./database.ts";
import { type EventLog, eventLog } from "./events.ts";
import { type Collection, collection, type Stored } from "./objects.ts";
import type { Agent, Credential, Environment, Session, Skill, SkillVersion, Vault } from "./wire.ts";

/** The write-only half of a credential; kept apart so that no response can carry it by accident. */
interface CredentialSecret extends Stored {
  values: Record<string, string>;
}

/** The tools a session last saw, so that its mind plans the same way after a restart. */
interface KnownTools extends Stored {
  tools: KnownTool[];
}
export interface KnownTool {
  server: string;
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
}

export interface Store {
  database: DatabaseSync;
  agents: Collection<Agent>;
  /** Every version of an agent; the parent is the agent's id, the id is the version number. */
  agentVersions: Collection<Stored & { agent: Agent }>;
  environments: Collection<Environment>;
  skills: Collection<Skill>;
  skillVersions: Collection<SkillVersion>;
  vaults: Collection<Vault>;
  credentials: Collection<Credential>;
  secrets: Collection<CredentialSecret>;
  sessions: Collection<Session>;
  knownTools: Collection<KnownTools>;
  events: EventLog;
  atomically<T>(body: () => T): T;
  close(): void;
}

/** Opens the whole state of the stand-in. */
export function openStore(file: string | undefined): Store {
  const database = openDatabase(file);
  return {
    database,
    agents: collection(database, "agent"),
    agentVersions: collection(database, "agent_version"),
    environments: collection(database, "environment"),
    skills: collection(database, "skill"),
    skillVersions: collection(database, "skill_version"),
    vaults: collection(database, "vault"),
    credentials: collection(database, "credential"),
    secrets: collection(database, "secret"),
    sessions: collection(database, "session"),
    knownTools: collection(database, "known_tools"),
    events: eventLog(database),
    atomically: (body) => atomically(database, body),
    close: () => database.close(),
  };
}
