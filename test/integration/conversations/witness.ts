import Anthropic from "@anthropic-ai/sdk";
import { Pool } from "pg";
import type { Person } from "../../../demo/api.ts";
import { eventually } from "../../support/organisation.ts";

/** What really is there: read from the tables, the provider and the audit trail, past everything under test. */
export interface Witness {
  /** Agents of an organisation that are not deleted, with what hangs on them. */
  agents(organisationId: string): Promise<AgentRow[]>;
  /** Agents at the provider that carry our tag, archived ones left out. */
  atProvider(agentId: string): Promise<ProviderAgent[]>;
  /** Waits until the row says that the provider holds the newest generation. */
  synced(organisationId: string, agentId: string): Promise<AgentRow>;
  rows<Row>(text: string, values: unknown[]): Promise<Row[]>;
  claude: Anthropic;
  close(): Promise<void>;
}

interface AgentRow {
  id: string;
  name: string;
  ou: string;
  owner: string;
  servers: string[];
  skills: string[];
  /** Names of servers with a credential that works. */
  credentials: string[];
  sync_state: string;
  generation: number;
  synced_generation: number;
  cma_agent_id: string | null;
  cma_agent_version: number | null;
}

type ProviderAgent = Awaited<ReturnType<Anthropic["beta"]["agents"]["retrieve"]>>;

const agentsSelect = `select a.id, a.name, o.path as ou, u.email as owner, a.sync_state, a.generation, a.synced_generation,
  a.cma_agent_id, a.cma_agent_version,
  array(select m.name from agent_mcp_servers x join mcp_servers m on m.id = x.mcp_server_id where x.agent_id = a.id order by 1) as servers,
  array(select s.name from agent_skills x join skills s on s.id = x.skill_id where x.agent_id = a.id order by 1) as skills,
  array(select m.name from credentials c join mcp_servers m on m.id = c.mcp_server_id
         where c.agent_id = a.id and c.revoked_at is null order by 1) as credentials
  from agents a join ous o on o.id = a.ou_id join users u on u.id = a.owner_id
 where a.deleted_at is null and a.organisation_id = $1 order by a.id`;

export function witnessOf(stack: { adminUrl: string | undefined; simulatorUrl: string }): Witness {
  const pool = new Pool({ connectionString: stack.adminUrl, max: 2 });
  // A killed server breaks idle connections: the pool makes new ones.
  pool.on("error", () => undefined);
  const claude = new Anthropic({ apiKey: "local", baseURL: stack.simulatorUrl });
  const agents = async (organisationId: string) => (await pool.query<AgentRow>(agentsSelect, [organisationId])).rows;
  return {
    agents,
    claude,
    async rows<Row>(text: string, values: unknown[]) {
      return (await pool.query(text, values)).rows as Row[];
    },
    async atProvider(agentId) {
      const found: ProviderAgent[] = [];
      for await (const agent of claude.beta.agents.list({ limit: 100 }))
        if (agent.metadata["powerloom_agent"] === agentId && agent.archived_at === null) found.push(agent);
      return found;
    },
    synced: (organisationId, agentId) =>
      eventually(
        async () =>
          (await agents(organisationId)).find(
            (agent) =>
              agent.id === agentId && agent.sync_state === "synced" && agent.synced_generation === agent.generation,
          ),
        `agent ${agentId} is synced`,
        30_000,
      ),
    close: () => pool.end(),
  };
}

export interface AuditEntry {
  position: number;
  sub: string | null;
  act: string | null;
  delegated_from_session: string | null;
  operation: string;
  target: string | null;
  ou: string | null;
  outcome: string;
  rule: string | null;
  approval_id: string | null;
}

/** Entries after a position, oldest first. */
export async function auditAfter(auditor: Person, position: number): Promise<AuditEntry[]> {
  const { data } = await auditor.get<{ data: AuditEntry[] }>("/audit?limit=200");
  if (data.length === 200 && (data.at(-1)?.position ?? 0) > position + 1) throw new Error("more entries than one page");
  return data.filter((entry) => entry.position > position).reverse();
}

export async function auditHead(auditor: Person): Promise<number> {
  const { data } = await auditor.get<{ data: AuditEntry[] }>("/audit?limit=1");
  return data[0]?.position ?? 0;
}

/** The toolsets a provider must hold for these attachments: every policy written out, nothing left to its defaults. */
export function toolsetsFor(servers: string[], withSkills: boolean): object[] {
  const always = { type: "always_allow" };
  return [
    ...servers.map((name) => ({
      type: "mcp_toolset",
      mcp_server_name: name,
      default_config: { enabled: true, permission_policy: always },
      configs: [],
    })),
    ...(withSkills
      ? [
          {
            type: "agent_toolset_20260401",
            default_config: { enabled: false, permission_policy: { type: "always_ask" } },
            configs: [readTool(always)],
          },
        ]
      : []),
  ];
}

const readTool = (policy: { type: string }) => ({ name: "read", enabled: true, permission_policy: policy });
