const created_at = "2025-01-01T00:00:00.000Z";

/** A well-formed UUID that is easy to tell apart. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

export function ou(number: number, path: string, parent: number | null) {
  const name = path.split("/").at(-1) ?? "";
  return {
    id: uuid(number),
    path,
    name,
    display_name: name,
    parent_id: parent === null ? null : uuid(parent),
    created_at,
  };
}

export function user(number: number, email: string) {
  return {
    id: uuid(number),
    principal_id: uuid(number),
    email,
    display_name: email,
    home_ou_id: uuid(1),
    home_ou_path: "/acme",
    status: "active",
    created_at,
  };
}

export function agentDetail(number: number, name: string) {
  return {
    id: uuid(number),
    name,
    display_name: name,
    description: "",
    ou_id: uuid(1),
    ou_path: "/acme",
    owner_id: uuid(7),
    owner_email: "emma@acme.com",
    kind: "user",
    model: "claude-sonnet-5-5",
    generation: 1,
    synced_generation: 0,
    sync_state: "pending",
    sync_error: null,
    cma_agent_id: null,
    cma_agent_version: null,
    mcp_servers: ["apollo-mcp"],
    skills: ["web-search"],
    created_at,
    updated_at: created_at,
    system_prompt: "",
    attachments: {
      mcp_servers: [
        {
          mcp_server_id: uuid(30),
          name: "apollo-mcp",
          url: "https://apollo.example/mcp",
          permission_policy: "always_allow",
        },
      ],
      skills: [{ skill_id: uuid(20), name: "web-search", version: 2 }],
    },
    credentials: [],
  };
}

export function credential(number: number) {
  return {
    id: uuid(number),
    agent_id: uuid(40),
    mcp_server_id: uuid(30),
    mcp_server_name: "apollo-mcp",
    kind: "static",
    expires_at: "2025-04-01T00:00:00.000Z",
    revoked_at: null,
    created_at,
  };
}

export function request(status: string, ou_path: string | null = "/acme/production") {
  return { id: "req_c3d4", operation: "agent.create", status, ou_path };
}
