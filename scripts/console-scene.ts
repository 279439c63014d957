import { type Person, signIn } from "../demo/api.ts";
import { drawProject } from "../demo/run/sample-project.ts";
import type { LocalStack } from "../stack/local-stack.ts";

/** Looks until there is what is looked for. */
async function until<Found>(look: () => Promise<Found | undefined>, what: string): Promise<Found> {
  for (const end = Date.now() + 90_000; Date.now() < end; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`not in time: ${what}`);
}

/**
 * Makes an organisation look lived in, through its front door: a conversation with the meta-agent, requests that wait and
 * that were decided, a budget, a run of agents with what it asked people for.
 * @returns names of pages → their paths
 */
export async function furnish(stack: LocalStack, admin: Person): Promise<Record<string, string>> {
  const ben = await signIn(stack.apiUrl, "ben@acme.com");
  const meta = (await admin.get<{ data: { id: string }[] }>("/agents?name=powerloom-meta")).data[0];
  if (meta === undefined) throw new Error("there is no meta-agent");
  const session = await ben.make<{ session_id: string }>(`/agents/${meta.id}/invoke`, {
    prompt: "Set up a scoped sales-prospecting agent for Emma on the sales team with Apollo and Gmail access.",
  });
  const { data: ous } = await admin.get<{ data: { id: string; path: string }[] }>("/ous");
  for (const { id, path } of ous)
    if (/engineering$|sales$/.test(path))
      await admin.make(`/ous/${id}/budget`, {
        tokens_limit: path.endsWith("sales") ? 500_000 : 400_000,
        cost_usd_limit: 25,
      });
  const asked = await admin.send("POST", "/agents", {
    name: "deploy-watch",
    ou: "/acme/production",
    display_name: "Deploy watch",
    description: "Watches roll-outs and says when one goes wrong",
    system_prompt:
      "You watch deployments.\nReport what fails, with the log line that shows it.\nNever act by yourself.",
  });
  for (const name of ["cost-report", "incident-scribe", "release-notes"])
    await admin.send("POST", "/agents", {
      name,
      ou: "/acme/production",
      description: `Writes the ${name.replace("-", " ")}`,
    });
  const denied = await admin.send("POST", "/agents", { name: "shell-for-all", ou: "/acme/production" });
  const digest = (await ben.get<{ digest: string }>(`/approvals/${String(denied.body["id"])}`)).digest;
  await ben.make(`/approvals/${String(denied.body["id"])}/votes`, {
    decision: "deny",
    digest,
    reason: "Nobody needs a shell in production.",
  });

  const project = drawProject(7);
  const run = await admin.make<{ id: string }>("/runs", {
    task: "Find and fix the failing test in this project",
    ou: "/acme/engineering",
    budget: { tokens: 200_000, cost_usd: 2, calls: 60, wall_seconds: 600 },
    files: [...project.files].map(([path, content]) => ({ path, content })),
  });
  const waiting = await until(async () => {
    const { data } = await ben.get<{ data: { id: string; kind: string }[] }>("/approvals?status=pending");
    return data.find(({ kind }) => kind === "permission");
  }, "a run that asks for permission");
  const agent = await until(async () => {
    const { data } = await admin.get<{ data: { id: string; sync_state: string }[] }>(
      "/agents?name=sales-prospecting-agent",
    );
    return data.find((one) => one.sync_state === "synced");
  }, "the agent of the conversation");
  await until(async () => {
    const { status } = await ben.get<{ status: string }>(`/sessions/${session.session_id}`);
    return status === "idle" ? status : undefined;
  }, "the end of the conversation's turn");
  await ben.get("/audit/verify");
  const request = String(asked.body["id"]);
  const server = (await admin.get<{ data: { id: string }[] }>("/mcp-servers")).data[0]?.id ?? "";
  const skill = (await admin.get<{ data: { id: string }[] }>("/skills")).data[0]?.id ?? "";
  return {
    home: "/",
    agents: "/agents",
    "agent-new": "/agents/new?ou=/acme/production",
    agent: `/agents/${agent.id}`,
    "agent-history": `/agents/${agent.id}?tab=history`,
    "agent-edit": `/agents/${agent.id}/edit`,
    sessions: "/sessions",
    session: `/sessions/${session.session_id}`,
    approvals: `/approvals?at=${request}`,
    approval: `/approvals/${request}`,
    "approval-of-run": `/approvals/${waiting.id}`,
    requests: "/requests",
    request: `/requests/${request}`,
    policies: "/approval-policies",
    runs: "/runs",
    "run-new": "/runs/new",
    run: `/runs/${run.id}`,
    ous: `/ous/${ous.find(({ path }) => path === "/acme/sales")?.id ?? ""}`,
    users: "/users",
    user: "/users/emma@acme.com",
    groups: "/groups",
    bindings: "/bindings",
    explain: "/authority/explain?principal=emma@acme.com&permission=agent.create&ou=/acme/production",
    governance: "/governance",
    skills: "/skills",
    skill: `/skills/${skill}`,
    "mcp-servers": "/mcp-servers",
    "mcp-server": `/mcp-servers/${server}`,
    audit: "/audit",
    "audit-entry": "/audit/3",
  };
}
