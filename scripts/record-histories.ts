import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Anthropic from "@anthropic-ai/sdk";
import { Client, Connection } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { Client as PgClient } from "pg";
import { v7 } from "uuid";
import { workflowIds } from "../core/ids.ts";
import { createOrganisation } from "../db/create-organisation.ts";
import { openDatabase } from "../db/database.ts";
import { type Person, signIn } from "../demo/api.ts";
import { type LocalStack, startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { armMind, ended, fixingMind, planOf, runWhen, sampleFiles, talker } from "../test/support/runs.ts";

/**
 * Records a history of every way a workflow can go, from a real run. Recordings are not made again once committed: without
 * `--missing`, which records only what has no file yet, it refuses to run when there are any.
 */

const folder = fileURLToPath(new URL("../test/histories/", import.meta.url));
const missingOnly = process.argv.includes("--missing");
const lines: string[] = [];
let stack: LocalStack;
let temporal: Client;
let written = 0;

async function save(name: string, workflowId: string, runId?: string): Promise<void> {
  const file = join(folder, `${name}.json`);
  if (existsSync(file)) return;
  const handle = temporal.workflow.getHandle(workflowId, runId);
  await until(`${workflowId} ends`, async () => (await handle.describe()).status.name !== "RUNNING" || undefined);
  const history = JSON.parse(historyToJSON(await handle.fetchHistory())) as unknown;
  // Stack traces of failures name this machine's folders.
  const here = fileURLToPath(new URL("..", import.meta.url));
  const text = JSON.stringify(history, null, 1).replaceAll(`file://${here}`, "").replaceAll(here, "");
  await writeFile(file, `${text}\n`, { flag: "wx" });
  written += 1;
  console.log(`${name}.json`);
}

async function until<Result>(what: string, probe: () => Promise<Result | undefined>, seconds = 60): Promise<Result> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const result = await probe();
    if (result !== undefined) return result;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}\n${lines.slice(-30).join("\n")}`);
    await sleep(50);
  }
}

interface Request {
  id: string;
  status: string;
  workflow_id: string;
  diff: { summary: string } | null;
}
interface Agent {
  id: string;
  name: string;
  sync_state: string;
}

/** An organisation with two admins, an approver and OUs where changes wait. */
async function setUp() {
  const db = openDatabase(stack.databaseUrl, { name: "record-histories", max: 1 });
  const name = "recorded";
  const { organisationId } = await createOrganisation(db, () => v7(), {
    name,
    displayName: "Recorded",
    adminEmail: "admin@recorded.test",
    adminName: "Ada Admin",
  });
  await db.close();
  const admin = await signIn(stack.apiUrl, "admin@recorded.test");
  const person = async (local: string, roles: { role: string; ou: string }[]) => {
    const email = `${local}@recorded.test`;
    await admin.make("/users", { email, display_name: local, home_ou: `/${name}` });
    const bindings: string[] = [];
    for (const { role, ou } of roles)
      bindings.push((await admin.make<{ id: string }>("/bindings", { role, ou, user: email })).id);
    return Object.assign(await signIn(stack.apiUrl, email), { bindings });
  };
  for (const [ou, seconds] of [
    ["guarded", 3_600],
    ["hurried", 1],
  ] as const) {
    await admin.make("/ous", { parent: `/${name}`, name: ou });
    await admin.make("/approval-policies", {
      name: ou,
      ou: `/${name}/${ou}`,
      operations: ["agent.create"],
      approver_role: "OrgAdmin",
      expires_after_seconds: seconds,
    });
  }
  const second = await person("second", [
    { role: "OrgAdmin", ou: `/${name}` },
    { role: "Approver", ou: `/${name}` },
  ]);
  const builder = await person("builder", [{ role: "AgentBuilder", ou: `/${name}` }]);
  return { root: `/${name}`, organisationId, admin, second, builder };
}
type World = Awaited<ReturnType<typeof setUp>>;

async function waiting(asker: Person, ou: string, name: string): Promise<Request> {
  const { status, body } = await asker.send("POST", "/agents", { name, ou });
  if (status !== 202) throw new Error(`${name} was answered ${status}, not 202`);
  return body as unknown as Request;
}

async function vote(voter: Person, id: string, decision: "approve" | "deny"): Promise<void> {
  const { digest } = await voter.get<{ digest: string }>(`/approvals/${id}`);
  const { status, body } = await voter.send("POST", `/approvals/${id}/votes`, { decision, digest, reason: "recorded" });
  if (status !== 200) throw new Error(`the vote was answered ${status}: ${JSON.stringify(body)}`);
}

async function synced(person: Person, id: string, state = "synced"): Promise<void> {
  await until(`${id} is ${state}`, async () =>
    (await person.get<Agent>(`/agents/${id}`)).sync_state === state ? true : undefined,
  );
}

async function recordProvision({ root, admin, second, builder }: World): Promise<void> {
  const made = await admin.make<Agent>("/agents", { name: "plain", ou: root });
  const requests = async () => (await admin.get<{ data: Request[] }>("/requests?limit=200")).data;
  const applied = (await requests()).find(({ diff }) => diff?.summary.includes("agent plain "));
  if (applied === undefined) throw new Error("no request for the agent just made");
  await save("provision-applied", applied.workflow_id);
  await synced(admin, made.id);
  await save("reconcile-agent-created", workflowIds.reconcileAgent(made.id));

  // Of several at once some pass the API's own check; their workflows find the name taken.
  const refused: Request[] = [];
  for (let round = 0; round < 10 && refused.length === 0; round += 1) {
    const name = `contested-${round}`;
    const seen = new Set((await requests()).map(({ id }) => id));
    await Promise.all(Array.from({ length: 12 }, () => admin.send("POST", "/agents", { name, ou: root })));
    for (const request of await requests())
      if (!seen.has(request.id) && request.status === "refused" && (await exists(request.workflow_id)))
        refused.push(request);
  }
  if (refused[0] === undefined) throw new Error("no refusal reached a workflow; run it again");
  await save("provision-refused", refused[0].workflow_id);

  const approved = await waiting(builder, `${root}/guarded`, "approved");
  await vote(second, approved.id, "approve");
  await save("provision-approved", approved.workflow_id);
  const denied = await waiting(builder, `${root}/guarded`, "denied");
  await vote(second, denied.id, "deny");
  await save("provision-denied", denied.workflow_id);
  const cancelled = await waiting(builder, `${root}/guarded`, "cancelled");
  await builder.send("POST", `/requests/${cancelled.id}/cancel`, {});
  await save("provision-cancelled", cancelled.workflow_id);
  const expired = await waiting(builder, `${root}/hurried`, "expired");
  await save("provision-expired", expired.workflow_id);

  // The table it writes to is locked for longer than local activities try.
  const slow = await waiting(builder, `${root}/guarded`, "slow");
  const blocker = new PgClient({ connectionString: stack.adminUrl });
  await blocker.connect();
  await blocker.query("begin; lock table agents in exclusive mode");
  await vote(second, slow.id, "approve");
  await sleep(6_000);
  await blocker.query("rollback");
  await blocker.end();
  await save("provision-slow-database", slow.workflow_id);

  const stale = await waiting(builder, `${root}/guarded`, "stale");
  await admin.send("DELETE", `/bindings/${builder.bindings[0]}`);
  await vote(second, stale.id, "approve");
  await save("provision-refused-when-applied", stale.workflow_id);
}

async function exists(workflowId: string): Promise<boolean> {
  return temporal.workflow
    .getHandle(workflowId)
    .describe()
    .then(
      () => true,
      () => false,
    );
}

async function recordReconcile({ root, admin }: World): Promise<void> {
  const claude = new Anthropic({ apiKey: "local", baseURL: stack.simulatorUrl });
  await fetch(`${stack.simulatorUrl}/_control/faults`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ match: { method: "POST", path: "^/v1/agents$" }, kind: "529", times: 2 }),
  });
  const late = await admin.make<Agent>("/agents", { name: "late", ou: root });
  await synced(admin, late.id);
  await save("reconcile-agent-backed-off", workflowIds.reconcileAgent(late.id));

  // A skill that somebody deletes at the provider makes the next agent that wants it unacceptable there.
  const skill = await admin.make<{ id: string }>("/skills", {
    name: "lost",
    description: "Lost",
    ou: root,
    content: "# Lost",
  });
  await admin.make(`/agents/${late.id}/skills`, { skill_id: skill.id });
  await until(
    "the skill is at the provider",
    async () => (await claude.beta.agents.retrieve(await providerId(admin, late.id))).skills[0],
  );
  for await (const { id } of claude.beta.skills.list()) {
    for await (const version of claude.beta.skills.versions.list(id))
      await claude.beta.skills.versions.delete(version.id, { skill_id: id });
    await claude.beta.skills.delete(id);
  }
  const failing = await admin.make<Agent>("/agents", { name: "failing", ou: root });
  await synced(admin, failing.id);
  await admin.make(`/agents/${failing.id}/skills`, { skill_id: skill.id });
  await synced(admin, failing.id, "error");
  await save("reconcile-agent-failed", workflowIds.reconcileAgent(failing.id));

  const swept = await admin.make<Agent>("/agents", { name: "doomed", ou: root });
  await synced(admin, swept.id);
  await admin.send("DELETE", `/agents/${swept.id}`);
  await sleep(1_000);
  await save("reconcile-agent-archived", workflowIds.reconcileAgent(swept.id));

  await temporal.schedule.getHandle(workflowIds.reconcileSweep).trigger();
  const sweep = await until("a sweep has run", async () => {
    for await (const run of temporal.workflow.list({
      query: "WorkflowType = 'reconcileSweep' and ExecutionStatus = 'Completed'",
    }))
      return run;
    return undefined;
  });
  await save("reconcile-sweep", sweep.workflowId, sweep.runId);
}

async function providerId(person: Person, agentId: string): Promise<string> {
  return (await person.get<{ cma_agent_id: string }>(`/agents/${agentId}`)).cma_agent_id;
}

async function recordBootstrap({ root, organisationId, admin }: World): Promise<string> {
  const workflowId = workflowIds.bootstrap(organisationId);
  const { agent } = await admin.make<{ agent: Agent }>("/bootstrap", { ou: root });
  await save("bootstrap-first", workflowId);
  await admin.make("/bootstrap", { ou: root });
  await save("bootstrap-second", workflowId);
  return agent.id;
}

async function recordSessions({ root, admin, second }: World, metaId: string): Promise<void> {
  const invoke = (agentId: string, prompt: string, more: Record<string, unknown> = {}) =>
    admin.make<{ session_id: string; final_message: string }>(`/agents/${agentId}/invoke`, {
      prompt,
      mode: "wait",
      ...more,
    });
  const end = async (id: string) => void (await admin.send("POST", `/sessions/${id}/end`, {}));

  // A whole conversation: a change that waits for somebody else, the decision, the wiring, a question, the end.
  const talk = await invoke(metaId, `Create a code review agent in ${root}/guarded for me.`);
  const request = /`(req_\w+)`/.exec(talk.final_message)?.[1] ?? "";
  await vote(second, request, "approve");
  const { workflow_id } = await admin.get<Request>(`/requests/${request}`);
  await save("provision-approved-in-session", workflow_id);
  const told = async (words: string) =>
    until(`${words} was said`, async () => {
      const { data } = await admin.get<{ data: { type: string; payload: unknown }[] }>(
        `/sessions/${talk.session_id}/events?limit=200`,
      );
      return (
        data.some(({ type, payload }) => type === "agent.message" && JSON.stringify(payload).includes(words)) ||
        undefined
      );
    });
  await told("approved and applied");
  await admin.send("POST", `/sessions/${talk.session_id}/messages`, { text: `What agents exist in ${root}/guarded?` });
  await told("Agents:");
  await end(talk.session_id);
  await save("agent-session-ended", workflowIds.agentSession(talk.session_id));

  // Tool calls of this one wait for a person: one is allowed after the other, the last is denied.
  const careful = await admin.make<Agent>("/agents", { name: "careful", ou: root });
  const meta = await admin.get<{ attachments: { mcp_servers: { mcp_server_id: string }[] } }>(`/agents/${metaId}`);
  const mcp_server_id = meta.attachments.mcp_servers[0]?.mcp_server_id;
  await admin.make(`/agents/${careful.id}/mcp-servers`, { mcp_server_id, permission_policy: "always_ask" });
  await admin.make(`/agents/${careful.id}/credentials`, { mcp_server_id });
  await until("the careful agent is synced", async () => {
    const agent = await admin.get<Agent & { generation: number; synced_generation: number }>(`/agents/${careful.id}`);
    return agent.generation === agent.synced_generation || undefined;
  });
  const held = await invoke(careful.id, `What agents and MCP servers exist in ${root}?`);
  for (const decision of ["approve", "approve", "deny"] as const) {
    const open = await until("a tool call waits", async () =>
      (await second.get<{ data: { id: string; kind: string }[] }>("/approvals?status=pending")).data.find(
        ({ kind }) => kind === "tool_call",
      ),
    );
    await vote(second, open.id, decision);
  }
  await until(
    "it rests",
    async () => (await admin.get<{ status: string }>(`/sessions/${held.session_id}`)).status === "idle" || undefined,
  );
  await end(held.session_id);
  await save("agent-session-tool-calls-decided", workflowIds.agentSession(held.session_id));

  const idle = await invoke(metaId, "Hello", { idle_timeout_seconds: 10 });
  await save("agent-session-idle", workflowIds.agentSession(idle.session_id));
}

/** Runs by scripted minds: a whole tree of agents, and each way a run can end before its time. */
async function recordRuns({ root, builder, second }: World): Promise<void> {
  const approve = async (decision: "approve" | "deny", wanted = "permission") => {
    const open = await until("a permission is asked for", async () =>
      (await second.get<{ data: { id: string; kind: string }[] }>("/approvals?status=pending")).data.find(
        ({ kind }) => kind === wanted,
      ),
    );
    await vote(second, open.id, decision);
  };
  const start = async (mind: string, roles: Parameters<typeof armMind>[1], input: Record<string, unknown>) => {
    const models = await armMind(mind, roles, stack.simulatorUrl);
    return builder.make<{ id: string }>("/runs", { ou: root, models, ...input });
  };
  const children = async (id: string) => (await ended(builder, id)).children;
  const listing = { tool_uses: [{ name: "list_directory", input: { path: "." } }] };

  const whole = await start("whole", fixingMind(), { task: "Find and fix the failing test.", files: sampleFiles });
  await approve("approve");
  await approve("approve");
  for (const { id, agent } of await children(whole.id)) await save(`agent-run-4-${agent}`, workflowIds.agentRun(id));
  await save("agent-run-4-orchestrator", workflowIds.agentRun(whole.id));

  const { plan, executor } = planOf([{ step: 1, tool: "write_file", args: { path: "x.txt", content: "x" } }]);
  const denied = await start(
    "denied",
    { ...fixingMind(), planner: { turns: [{ output: plan }] }, executor },
    { task: "Write." },
  );
  await approve("deny");
  const refused = (await children(denied.id)).find(({ agent }) => agent === "executor");
  await save("agent-run-4-permission-denied", workflowIds.agentRun(refused?.id ?? ""));

  const alone = { agent: "planner", task: "Look." };
  const spent = await start("spent", talker([listing]), { ...alone, budget: { tokens: 6_000 } });
  await ended(builder, spent.id);
  await save("agent-run-4-budget-exhausted", workflowIds.agentRun(spent.id));

  const summary = { output: { summary: "nothing there" } };
  const minds = await armMind("raised", { reader: { turns: [listing, listing, summary] } }, stack.simulatorUrl);
  const raised = await builder.make<{ id: string }>("/runs", {
    ou: root,
    agent: "spender",
    task: "Look.",
    models: { reader: minds["planner"] },
    budget: { tokens: 100_000, calls: 2 },
  });
  await approve("approve", "budget");
  await ended(builder, raised.id);
  await save("agent-run-4-budget-raised", workflowIds.agentRun(raised.id));

  // Time goes by while the model answers: an alert, another one, the end.
  const late = await start("late", talker([{ ...listing, delay_ms: 4_000 }]), {
    ...alone,
    budget: { wall_seconds: 3 },
  });
  await ended(builder, late.id);
  await save("agent-run-4-time-over", workflowIds.agentRun(late.id));

  const circling = await start("circling", talker([listing]), alone);
  await runWhen(builder, circling.id, ({ status }) => status === "paused", "it is paused");
  await builder.send("POST", `/runs/${circling.id}/resume`, {});
  await ended(builder, circling.id);
  await save("agent-run-4-loop-stopped", workflowIds.agentRun(circling.id));

  const slow = await start("slow", talker([{ ...listing, delay_ms: 20_000 }]), alone);
  await runWhen(builder, slow.id, ({ status }) => status === "running", "it runs");
  await builder.send("POST", `/runs/${slow.id}/cancel`, {});
  await ended(builder, slow.id);
  await save("agent-run-4-cancelled", workflowIds.agentRun(slow.id));

  const invalid = await start("invalid", talker([{ output: { steps: [], reasoning: "r", risks: [] } }]), alone);
  await ended(builder, invalid.id);
  await save("agent-run-4-output-invalid", workflowIds.agentRun(invalid.id));
}

await mkdir(folder, { recursive: true });
const present = (await readdir(folder)).filter((file) => file.endsWith(".json"));
if (present.length > 0 && !missingOnly) {
  console.error(
    `There are ${present.length} recordings already; they are never made again. Use --missing for what has none.`,
  );
  process.exit(1);
}
const directory = await mkdtemp(join(tmpdir(), "powerloom-record-"));
stack = await startLocalStack({
  stateDirectory: directory,
  environment: withOwnParts(process.env),
  mode: "dev",
  anyPorts: true,
  log: (line) => lines.push(line),
  // Sweeps come only when they are asked for: a recording is of one cause.
  extraEnvironment: {
    POWERLOOM_RATE_LIMIT: "1000000",
    POWERLOOM_SWEEP_SECONDS: "3600",
    POWERLOOM_AGENTS_DIR: fileURLToPath(new URL("../test/fixtures/agents", import.meta.url)),
  },
});
try {
  const connection = await Connection.connect({ address: stack.temporalAddress });
  temporal = new Client({ connection, namespace: stack.temporalNamespace });
  const world = await setUp();
  await recordRuns(world);
  await recordProvision(world);
  await recordReconcile(world);
  await recordSessions(world, await recordBootstrap(world));
  await connection.close();
  console.log(`${written} recorded`);
} finally {
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}
