import { setTimeout as sleep } from "node:timers/promises";
import { type Finding, figure } from "../report.ts";
import { ask, type NamedRead, type Readers } from "./reads.ts";
import type { GrowthStage } from "./stage.ts";

/** A node of a plan, as `explain (format json)` tells it. */
interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  Plans?: PlanNode[];
}

/** A table with more rows than this is large. */
const largeRows = 10_000;
/** PostgreSQL plans a prepared statement anew five times, then may keep one plan for all values: that one counts. */
const times = 8;

/** Takes the plans out of the lines of the server: `auto_explain` writes each over several. */
export class PlanReader {
  private lines: string[] | undefined;
  readonly plans: PlanNode[] = [];

  add(line: string): void {
    const [, part, text = ""] = /^(\w+)\s*\| (.*)$/s.exec(line) ?? [];
    if (part !== "postgres") return;
    if (/duration: .* plan:/.test(text)) this.lines = [];
    else if (this.lines !== undefined) {
      this.lines.push(text);
      if (!/^\t?\}\s*$/.test(text)) return;
      const { Plan } = JSON.parse(this.lines.join("\n")) as { Plan?: PlanNode };
      if (Plan !== undefined) this.plans.push(Plan);
      this.lines = undefined;
    }
  }
}

/** How the statements really sent for each read go through the large tables, as the server itself says. */
export async function readPlans(stage: GrowthStage, reader: PlanReader, readers: Readers): Promise<Finding[]> {
  const { admin } = stage;
  const { rows } = await admin.query<{ name: string }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and reltuples > $1",
    [largeRows],
  );
  const large = new Set(rows.map(({ name }) => name));
  await explainAll(stage, true);
  try {
    const findings: Finding[] = [];
    for (const read of readers.reads) {
      for (let time = 1; time < times; time += 1) await ask(readers, read);
      await sleep(50);
      reader.plans.length = 0;
      await ask(readers, read);
      await sleep(300);
      findings.push(judge(read, reader.plans, large));
    }
    return findings;
  } finally {
    await explainAll(stage, false);
  }
}

/** Connections of the API made from now on say their plans, or do not. */
async function explainAll({ admin }: GrowthStage, on: boolean): Promise<void> {
  const settings = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "warning",
  };
  if (on) await admin.query("load 'auto_explain'");
  for (const [name, value] of Object.entries(settings))
    await admin.query(`alter role powerloom_app ${on ? `set ${name} = '${value}'` : `reset ${name}`}`);
  await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'powerloom-api'");
  await sleep(500);
}

function judge({ name }: NamedRead, plans: readonly PlanNode[], large: ReadonlySet<string>): Finding {
  const nodes = plans.flatMap(flatten).filter((node) => large.has(node["Relation Name"] ?? ""));
  const read = (node: PlanNode) =>
    ((node["Actual Rows"] ?? 0) +
      (node["Rows Removed by Filter"] ?? 0) +
      (node["Rows Removed by Index Recheck"] ?? 0)) *
    (node["Actual Loops"] ?? 0);
  const most = Math.max(0, ...nodes.map(read));
  const ways = nodes
    .filter((node) => (node["Actual Loops"] ?? 0) > 0)
    .map((node) => {
      const index = node["Index Name"] === undefined ? "" : ` by ${node["Index Name"]}`;
      return `${node["Node Type"]} of ${node["Relation Name"]}${index} (${figure(read(node))} rows)`;
    });
  const scans = nodes.filter((node) => node["Node Type"] === "Seq Scan" && (node["Actual Loops"] ?? 0) > 0);
  return {
    name: `plans: ${name}`,
    measured: [...new Set(ways)].slice(0, 4).join("; ") || "no large table",
    baseline: `${plans.length} statements, ${scans.length} sequential scans, most rows read ${figure(most)}`,
    value: scans.length === 0 ? most : Math.max(most, largeRows + 1),
    unit: "rows",
    target: { at: "most", value: largeRows },
    facts: { ways, scans: scans.map((node) => node["Relation Name"]) },
  };
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}
