import { matchPolicies, type PolicyRule, policiesByOu } from "../core/approval/policies.ts";
import { decide } from "../core/authority/decide.ts";
import { openDatabase, type Tx } from "../db/database.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { gatherEvidence } from "../db/queries/authority.ts";
import { benchEntry } from "./audit-entry.ts";
import { fillLargeOrganisation } from "./large-organisation.ts";
import { type Finding, figure } from "./report.ts";
import { interleaved, median, sequence, summarise } from "./samples.ts";
import type { Stage } from "./stage.ts";

const widths = [1, 8, 20];

/**
 * Audit appends a second into one chain, as many transactions at once as there are connections; in turn with a bare
 * transaction of one insert, which shows what this disk gives (each transaction waits for its flush).
 */
export async function measureAudit(stage: Stage, scale: number): Promise<Finding[]> {
  const { organisationId } = stage;
  const forMs = 700 * Math.min(scale, 2);
  const findings: Finding[] = [];
  for (const width of widths) {
    const db = openDatabase(stage.stack.databaseUrl, { name: "powerloom-bench", max: width });
    const append = (tx: Tx) => appendAudit(tx, benchEntry());
    const insert = (tx: Tx) => tx.run("insert into security_events (kind, detail) values ('bench', '{}')");
    const perSecond = (body: (tx: Tx) => unknown) => async () => {
      let count = 0;
      const started = performance.now();
      const lane = async () => {
        while (performance.now() - started < forMs) {
          await db.inOrganisation(organisationId, body);
          count += 1;
        }
      };
      await Promise.all(Array.from({ length: width }, lane));
      return (count * 1000) / (performance.now() - started);
    };
    try {
      const rates = await interleaved(3, [perSecond(append), perSecond(insert)]);
      const [appends, inserts] = rates.map(median) as [number, number];
      findings.push({
        name: `audit append, ${width} connection${width === 1 ? "" : "s"}`,
        measured: `${figure(appends)} transactions a second`,
        baseline: `one plain insert each: ${figure(inserts)} a second`,
        value: appends,
        unit: "/s",
        // One connection waits for its own four round trips and its own flush: no target of the chain.
        ...(width === 1 ? {} : { target: { at: "least" as const, value: 800 } }),
        facts: { rates },
      });
    } finally {
      await db.close();
    }
  }
  return findings;
}

/** One permission check from SQL evidence, in an organisation of 1,000 OUs, 10,000 users and 50,000 bindings. */
export async function measureRights(stage: Stage, scale: number): Promise<Finding[]> {
  const large = await fillLargeOrganisation(stage.admin);
  const db = openDatabase(stage.stack.databaseUrl, { name: "powerloom-bench", max: 1 });
  const now = new Date();
  let allowed = 0;
  try {
    const samples = await db.inOrganisation(large.organisationId, (tx) =>
      sequence(Math.round(1_500 * scale) + 100, async (index) => {
        const user = large.userIds[index % large.userIds.length] ?? "";
        const ou = large.ous[(index * 7) % large.ous.length];
        if (ou === undefined) throw new Error("the large organisation is empty");
        const decision = decide(await gatherEvidence(tx, user, "agent:create", ou, now));
        if (decision.effect === "allow") allowed += 1;
      }),
    );
    const checks = summarise(samples.slice(100));
    return [
      {
        name: "permission check, SQL evidence",
        measured: `p50 ${figure(checks.p50)}, p95 ${figure(checks.p95)} ms; 50,000 bindings`,
        value: checks.p50,
        unit: "ms",
        target: { at: "most", value: 0.5 },
        facts: { checks, allowed },
      },
    ];
  } finally {
    await db.close();
  }
}

/** Which of 2,000 policies stop an operation: a pure function, so a loop of many is one sample. */
export function measurePolicies(): Finding[] {
  const policies: PolicyRule[] = Array.from({ length: 2_000 }, (_, index) => ({
    id: `policy-${index}`,
    version: 1,
    name: `policy-${index}`,
    ouId: `ou-${index % 500}`,
    operations: index % 3 === 0 ? ["agent.*"] : index % 3 === 1 ? ["skill.create", "agent.create"] : ["mcp_server.*"],
    approverRole: "OrgAdmin",
    approvalsNeeded: 1,
    expiresAfterSeconds: 3600,
    enabled: index % 10 !== 0,
  }));
  // As they are found: by OU. Making the index is not part of a match, nor of a mutation, to which SQL gives those of its OUs.
  const standing = policiesByOu(policies);
  const samples: number[] = [];
  const batch = 100;
  let matched = 0;
  for (let round = 0; round < 200; round += 1) {
    const ancestors = [0, 1, 2, 3, 4].map((level) => `ou-${(round * 13 + level * 101) % 500}`);
    const started = performance.now();
    for (let index = 0; index < batch; index += 1) matched += matchPolicies(standing, "agent.create", ancestors).length;
    if (round >= 20) samples.push(((performance.now() - started) * 1000) / batch);
  }
  const summary = summarise(samples);
  return [
    {
      name: "policy match over 2,000 policies",
      measured: `p50 ${figure(summary.p50)}, p95 ${figure(summary.p95)} µs`,
      value: summary.p50,
      unit: "µs",
      target: { at: "most", value: 50 },
      facts: { matched },
    },
  ];
}
