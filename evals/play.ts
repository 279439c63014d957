import type { Person } from "../demo/api.ts";
import type { AuditEntry, Evidence, ExportedRun, RunFile } from "./evidence.ts";
import type { Mind } from "./minds.ts";
import type { Ask, Task } from "./task.ts";

/** Where tasks are run, and as whom. */
export interface Scene {
  /** Asks for the runs. */
  requester: Person;
  /** Decides what they ask for. Null: nobody does. */
  approver: Person | null;
  /** Reads the trail. Null: nobody may. */
  auditor: Person | null;
  /** Has a mind answer under a name; the models it is to be asked as, by role. Null: real models answer. */
  arm: ((mind: Mind) => Promise<Record<string, string>>) | null;
  /** Role → model, for real ones. */
  models: Record<string, string>;
  /** Why no command can be run where the worker is; null when some can, or when that is not known. */
  noCommands: string | null;
}

export type Played =
  | { status: "played"; evidence: Evidence; seconds: number }
  /** It cannot be run here. */
  | { status: "skipped"; reason: string };

interface RunNow {
  id: string;
  status: string;
  completed_at: string | null;
  waiting_for: string | null;
  children: { id: string; status: string; waiting_for: string | null }[];
}

const lookEveryMs = 100;

/**
 * Runs one task to its end, with the second person deciding as the task says, and gathers the evidence.
 * @param timeoutSeconds then the run is cancelled, and that is its end
 * @throws when the API refuses what it should take
 */
export async function play(scene: Scene, task: Task, mind: Mind, timeoutSeconds: number): Promise<Played> {
  if (task.runsCommands === true && scene.noCommands !== null) return { status: "skipped", reason: scene.noCommands };
  const models = scene.arm === null ? scene.models : await scene.arm(mind);
  const since = performance.now();
  const { task: text, agent, input, budget, files } = task.run;
  const asked = await scene.requester.send("POST", "/runs", {
    task: text,
    ...(agent === undefined ? {} : { agent }),
    ...(input === undefined ? {} : { input }),
    ...(budget === undefined ? {} : { budget }),
    files: files ?? [],
    models,
  });
  if (asked.status === 400 && asked.body["pointer"] === "/agent")
    return { status: "skipped", reason: `there is no agent definition ${agent} here` };
  if (asked.status !== 201) throw new Error(`POST /runs answered ${asked.status}: ${JSON.stringify(asked.body)}`);
  const id = String(asked.body["id"]);
  const reason = await attend(scene, task, id, Date.now() + timeoutSeconds * 1000);
  if (reason !== null) return { status: "skipped", reason };
  const evidence = await gather(scene, id);
  return { status: "played", evidence, seconds: (performance.now() - since) / 1000 };
}

/** Is there for the run until it is over. The reason when it cannot go on here. */
async function attend(scene: Scene, task: Task, id: string, deadline: number): Promise<string | null> {
  const { requester } = scene;
  const answered = new Set<string>();
  for (let cancelled = false; ; ) {
    const now = await requester.get<RunNow>(`/runs/${id}`);
    if (now.completed_at !== null) return null;
    const all = [now, ...now.children];
    if (!cancelled && Date.now() > deadline) {
      cancelled = true;
      await requester.send("POST", `/runs/${id}/cancel`, {});
    }
    for (const one of all)
      if (one.status !== "paused") answered.delete(one.id);
      else if (!answered.has(one.id)) {
        answered.add(one.id);
        await requester.send("POST", `/runs/${one.id}/${task.whenPaused ?? "resume"}`, {});
      }
    if (all.some(({ waiting_for: waits }) => waits !== null)) {
      if (scene.approver === null) {
        await requester.send("POST", `/runs/${id}/cancel`, {});
        return "it waits for an approval, and nobody here may give one";
      }
      await decide(requester, scene.approver, task, id);
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** Plays the second person: sees what is asked, and votes. */
async function decide(requester: Person, approver: Person, task: Task, id: string): Promise<void> {
  const { data } = await requester.get<{ data: { request_id: string; decision: string }[] }>(
    `/runs/${id}/permission-requests`,
  );
  for (const { request_id: request } of data.filter(({ decision }) => decision === "pending")) {
    const seen = await approver.get<{
      status: string;
      digest: string;
      diff: { after: { tool: string; arguments: Record<string, unknown> } };
    }>(`/approvals/${request}`);
    if (seen.status !== "pending") continue;
    const { tool, arguments: args } = seen.diff.after;
    const ask: Ask = { tool, args };
    const decision = task.decides?.(ask) ?? "approve";
    // A conflict: it has just been decided, or the run is over.
    await approver.send("POST", `/approvals/${request}/votes`, {
      decision,
      digest: seen.digest,
      ...(decision === "deny" ? { reason: "This is not part of what was asked for." } : {}),
    });
  }
}

async function gather({ requester, auditor }: Scene, id: string): Promise<Evidence> {
  const [{ runs }, { data: files }] = await Promise.all([
    requester.get<{ runs: ExportedRun[] }>(`/runs/${id}/export`),
    requester.get<{ data: RunFile[] }>(`/runs/${id}/files`),
  ]);
  return { runs, files, audit: auditor === null ? null : await auditOf(auditor, runs) };
}

/** The trail of a tree of runs: what was done through it, and what people said to it and decided. */
async function auditOf(auditor: Person, runs: readonly ExportedRun[]): Promise<AuditEntry[]> {
  const [root] = runs;
  const entries: AuditEntry[] = [];
  for (let before = "", more = root !== undefined; more; ) {
    const { data } = await auditor.get<{ data: AuditEntry[] }>(`/audit?trace_id=${root?.trace_id}&limit=200${before}`);
    entries.push(...data);
    more = data.length === 200;
    before = `&before=${data.at(-1)?.position ?? 0}`;
  }
  return entries;
}
