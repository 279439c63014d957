import type { Evidence, OperationRow } from "./evidence.ts";
import type { EndOutcome, LogRecord } from "./record.ts";

type Intent = Extract<LogRecord, { kind: "intent" }>;

/** One thing somebody asked for, with what they know of it. */
export interface Told extends Intent {
  outcome: EndOutcome | undefined;
  target: string | undefined;
  /** When it was first answered with success; infinity when it never was. */
  answeredAt: number;
}

export interface Entry {
  id: string;
  sub: string | null;
  operation: string;
  outcome: string;
  ou: string | null;
  target: string | null;
  approval_id: string | null;
  position: number;
  at: number;
}

/** What clients have asked for, in the order they did. */
export function toldBy(log: readonly LogRecord[]): Told[] {
  const byKey = new Map<string, Told>();
  for (const record of log) {
    if (record.kind === "intent")
      byKey.set(record.key, { ...record, outcome: undefined, target: undefined, answeredAt: Number.POSITIVE_INFINITY });
    if (record.kind === "given" || record.kind === "intent" || record.kind === "clock") continue;
    const told = byKey.get(record.key);
    if (told === undefined) continue;
    if (record.kind === "end") {
      told.outcome = record.outcome;
      told.target = record.target;
    }
    if ((record.kind === "answer" && record.status < 300 && record.status !== 202) || record.kind === "end")
      told.answeredAt = Math.min(told.answeredAt, record.at);
  }
  return [...byKey.values()];
}

export function entriesOf({ audit }: Evidence): Entry[] {
  return audit.map(({ body, position, at_text }) => ({
    ...(JSON.parse(body) as Omit<Entry, "position" | "at">),
    position: Number(position),
    at: Date.parse(at_text),
  }));
}

/** Whether this is what was asked for: by the fields that nothing else has. */
function isMarked(operation: OperationRow, told: Told): boolean {
  return (
    operation.name === told.operation &&
    operation.email === told.email &&
    Object.entries(told.marks).every(([name, value]) => JSON.stringify(operation.input[name]) === JSON.stringify(value))
  );
}

/** Applied operations for each thing that was asked for. */
export function appliedFor({ operations }: Evidence, told: readonly Told[]): Map<Told, OperationRow[]> {
  const key = (name: string, email: string) => `${name} ${email}`;
  const applied = Map.groupBy(
    operations.filter(({ status }) => status === "applied"),
    ({ name, email }) => key(name, email),
  );
  // Asked again under another key, after the first was refused: the same marks, and not the same request.
  const keys = new Set(told.map((one) => one.key));
  const isOf = (row: OperationRow, one: Told) => row.key === one.key || !keys.has(row.key ?? "");
  return new Map(
    told.map((one) => [
      one,
      (applied.get(key(one.operation, one.email)) ?? []).filter((row) => isMarked(row, one) && isOf(row, one)),
    ]),
  );
}

/** Operations that are governed mutations: everything else clients ask for is an action with rows of its own. */
export const actions = new Set([
  "bootstrap",
  "agent.reconcile",
  "agent.invoke",
  "session.message",
  "session.end",
  "run.start",
  "run.cancel",
  "approval.vote",
  "request.cancel",
]);
