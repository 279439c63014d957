import { type Finding, figure } from "./report.ts";
import { interleaved, median, type Summary, sequence, summarise, throughput } from "./samples.ts";
import type { Stage } from "./stage.ts";

/**
 * POST /agents (a workflow, two transactions in the API, one in the worker, and a reconciliation afterwards) and
 * POST /groups (the same without the reconciliation) against a bare update-with-start on the same server.
 */
export async function measureMutations(stage: Stage, scale: number): Promise<Finding[]> {
  const { asker, bare } = stage;
  let late = 0;
  // 202 `received` is an answer too, of a machine too busy to decide within five seconds: counted, and told.
  const make = (path: string) => async (name: string) => {
    const { status, body } = await asker("POST", path, { name: `bench-${name}`, ou: "/acme/engineering" });
    if (status === 202) late += 1;
    else if (status !== 201) throw new Error(`POST ${path} answered ${status}: ${JSON.stringify(body)}`);
  };
  const agent = make("/agents");
  const group = make("/groups");

  const each = Math.max(5, Math.round(20 * scale));
  const oneByOne = await interleaved(
    5,
    [agent, group, (name: string) => bare.update(`update-${name}`)].map((ask) => async (round: number) => {
      await stage.quiet();
      return sequence(each, (index) => ask(`one-${round}-${index}`));
    }),
  );
  const [agents, groups, bares] = oneByOne.map((rounds) => summarise(rounds.flat())) as [Summary, Summary, Summary];

  const many = Math.max(40, Math.round(80 * scale));
  const inFlight = 20;
  const abreast = await interleaved(
    3,
    [agent, group, (name: string) => bare.update(`update-${name}`)].map((ask) => async (round: number) => {
      await stage.quiet();
      return throughput(many, inFlight, (index) => ask(`many-${round}-${index}`));
    }),
  );
  const [agentRate, groupRate, bareRate] = abreast.map(median) as [number, number, number];
  await stage.quiet();

  const latency = (name: string, ours: Summary, target?: Finding["target"]): Finding => ({
    name,
    measured: `p50 ${figure(ours.p50)}, p95 ${figure(ours.p95)} ms`,
    baseline: `bare p50 ${figure(bares.p50)}, p95 ${figure(bares.p95)} ms`,
    value: ours.p50 / bares.p50,
    unit: "×",
    ...(target === undefined ? {} : { target }),
    facts: { ours, bare: bares },
  });
  const rate = (name: string, ours: number, target?: Finding["target"]): Finding => ({
    name,
    measured: `${figure(ours)} a second`,
    baseline: `bare ${figure(bareRate)} a second`,
    value: ours / bareRate,
    unit: "×",
    ...(target === undefined ? {} : { target }),
    facts: { ours, bare: bareRate, inFlight, late },
  });
  return [
    latency("POST /agents → 201", agents, { at: "most", value: 1.3 }),
    latency("POST /groups → 201 (nothing to reconcile)", groups),
    rate("POST /agents, 20 at once", agentRate, { at: "least", value: 0.8 }),
    rate("POST /groups, 20 at once", groupRate),
  ];
}
