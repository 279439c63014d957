import type { Person } from "../api.ts";

/** A step of a run, as the export has it. */
export interface StepFacts {
  step_id: string;
  step_type: "model_call" | "tool_call";
  plan_step: number | null;
  tool_name: string | null;
  input_summary: string | null;
  status: string;
  duration_ms: number | null;
  child_run_id: string | null;
}

export interface RunFacts {
  id: string;
  parent_run_id: string | null;
  agent: string;
  status: string;
  reason: { rule: string; reason: string } | null;
  output: Record<string, unknown> | null;
  plan: {
    steps: { step: number; description: string; tool: string; args: Record<string, unknown>; depends_on: number[] }[];
    reasoning: string;
    risks: string[];
  } | null;
  budget: { tokens?: number; cost_usd?: number; calls?: number };
  /** Subagents included. */
  used: { tokens: number; cost_micros: number; calls: number };
  steps: StepFacts[];
  permission_requests: { tool_name: string; decision: string; reason: string }[];
}

export interface AuditFacts {
  position: number;
  operation: string;
  outcome: string;
  target: string | null;
  act: string | null;
  approval_id: string | null;
  body: { id: string };
}

interface CallFacts {
  at: string;
  role: string;
  digest: string;
  answered: boolean;
}

/** What is known of a run that is over: from the API, from the audit trail, and from the provider's side. */
export interface Evidence {
  traceId: string;
  /** The run that was asked for first, its subagents after it. */
  runs: RunFacts[];
  /** Entries with the trace id: of this run and its subagents, and what people said and decided. Oldest first. */
  audit: AuditFacts[];
  intact: boolean;
  /** How many entries the whole chain has. */
  entries: number;
  /** Every request that has reached the provider. */
  calls: CallFacts[];
}

/**
 * Gathers it.
 * @param since requests before are somebody else's, epoch milliseconds
 */
export async function gatherEvidence(
  people: { requester: Person; auditor: Person },
  runId: string,
  simulatorUrl: string,
  since: number,
): Promise<Evidence> {
  const { trace_id: traceId, runs } = await people.requester.get<{ trace_id: string; runs: RunFacts[] }>(
    `/runs/${runId}/export`,
  );
  const [audit, verdict, calls] = await Promise.all([
    auditOf(people.auditor, traceId),
    people.auditor.get<{ intact: boolean; entries: number }>("/audit/verify"),
    callsOf(simulatorUrl, since),
  ]);
  return { traceId, runs, audit, intact: verdict.intact, entries: verdict.entries, calls };
}

async function auditOf(auditor: Person, traceId: string): Promise<AuditFacts[]> {
  const all: AuditFacts[] = [];
  for (let before = "", full = true; full; ) {
    const { data } = await auditor.get<{ data: AuditFacts[] }>(`/audit?trace_id=${traceId}&limit=200${before}`);
    all.push(...data);
    full = data.length === 200;
    before = `&before=${data.at(-1)?.position ?? 0}`;
  }
  return all.reverse();
}

async function callsOf(simulatorUrl: string, since: number): Promise<CallFacts[]> {
  const response = await fetch(`${simulatorUrl}/_control/minds`);
  const { data } = (await response.json()) as { data: { name: string; requests: CallFacts[] }[] };
  const requests = data.find(({ name }) => name === "built-in")?.requests ?? [];
  return requests.filter(({ at }) => Date.parse(at) >= since);
}
