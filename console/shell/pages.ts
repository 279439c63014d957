interface PageLink {
  to: string;
  label: string;
  /** Left out of the menu for whoever holds this permission nowhere. */
  needs?: string;
}

/** The menu. */
export const pageGroups: readonly { title: string; pages: readonly PageLink[] }[] = [
  {
    title: "Work",
    pages: [
      { to: "/", label: "Home" },
      { to: "/agents", label: "Agents", needs: "agent:read" },
      { to: "/sessions", label: "Sessions" },
      { to: "/runs", label: "Runs" },
    ],
  },
  {
    title: "Decide",
    pages: [
      { to: "/approvals", label: "Approvals" },
      { to: "/requests", label: "Requests" },
      { to: "/governance", label: "Governance", needs: "governance:read" },
      { to: "/approval-policies", label: "Policies", needs: "policy:read" },
    ],
  },
  {
    title: "Organisation",
    pages: [
      { to: "/ous", label: "Units", needs: "ou:read" },
      { to: "/users", label: "People", needs: "user:read" },
      { to: "/groups", label: "Groups", needs: "group:read" },
      { to: "/bindings", label: "Access", needs: "binding:read" },
      { to: "/authority/explain", label: "Why can, why not" },
      { to: "/skills", label: "Skills", needs: "skill:read" },
      { to: "/mcp-servers", label: "MCP servers", needs: "mcp_server:read" },
    ],
  },
  { title: "Prove", pages: [{ to: "/audit", label: "Audit", needs: "audit:read" }] },
];
