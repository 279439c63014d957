/** What the tools return about the organisation, as far as planning needs it. */
export interface Ou {
  id: string;
  path: string;
  name: string;
  display_name: string;
}

export interface User {
  principal_id: string;
  email: string;
  display_name: string;
  home_ou_path: string;
}

export interface McpServer {
  id: string;
  name: string;
  display_name: string;
  description: string;
  ou_path: string;
  url?: string;
  health?: string;
}

export interface Skill {
  id: string;
  name: string;
  description: string;
  ou_path: string;
  latest_version?: number;
}

export interface AgentFact {
  id: string;
  name: string;
  display_name: string;
  description: string;
  ou_path: string;
  owner_email: string;
  model: string;
  sync_state?: string;
  cma_agent_id?: string | null;
  mcp_servers?: string[];
  skills?: string[];
  attachments?: {
    mcp_servers: { mcp_server_id: string; name: string }[];
    skills: { skill_id: string; name: string }[];
  };
  credentials?: { mcp_server_id: string; mcp_server_name: string; revoked_at: string | null }[];
}

export interface Facts {
  ous: Ou[];
  users: User[];
  servers: McpServer[];
  skills: Skill[];
  agents: AgentFact[];
}

type OuTree = Ou & { children?: OuTree[] };

/** The OU tree as a list. */
export function flattenOus(tree: OuTree[]): Ou[] {
  return tree.flatMap(({ children, ...ou }) => [ou, ...flattenOus(children ?? [])]);
}

/** Whether a path is the OU itself or lies below it. */
export function isWithin(path: string, ou: string): boolean {
  return path === ou || path.startsWith(`${ou.replace(/\/$/, "")}/`);
}

/** Of things with the same name, those usable at an OU: the nearest on the way up wins. */
export function nearest<T extends { ou_path: string }>(things: T[], ouPath: string): T[] {
  const above = things.filter((thing) => isWithin(ouPath, thing.ou_path));
  const deepest = Math.max(...above.map((thing) => thing.ou_path.length));
  return above.length === 0 ? things : above.filter((thing) => thing.ou_path.length === deepest);
}
