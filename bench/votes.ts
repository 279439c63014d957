import { setTimeout as sleep } from "node:timers/promises";
import { expectStatus } from "./http.ts";
import { type Finding, figure } from "./report.ts";
import { interleaved, type Summary, sequence, summarise } from "./samples.ts";
import type { Stage } from "./stage.ts";

/** From sending the vote to the row being applied, against signal → local activity → completed on the same server. */
export async function measureVotes(stage: Stage, scale: number): Promise<Finding[]> {
  const { asker, approver, bare, admin } = stage;
  const each = Math.max(3, Math.round(12 * scale));

  const waiting = async (name: string): Promise<{ id: string; digest: string }> => {
    const { id } = await expectStatus(asker("POST", "/agents", { name: `vote-${name}`, ou: "/acme/production" }), 202);
    const { digest } = await expectStatus(approver("GET", `/approvals/${String(id)}`), 200);
    return { id: String(id), digest: String(digest) };
  };
  const answered: number[] = [];
  const decide = async ({ id, digest }: { id: string; digest: string }): Promise<void> => {
    const started = performance.now();
    const vote = expectStatus(approver("POST", `/approvals/${id}/votes`, { decision: "approve", digest }), 200);
    const answer = vote.then(() => answered.push(performance.now() - started));
    for (;;) {
      const { rows } = await admin.query<{ status: string }>("select status from operations where id = $1", [id]);
      if (rows[0]?.status === "applied") break;
      if (performance.now() - started > 10_000) throw new Error(`the vote on ${id} is not applied`);
      // Asking more often would take from the cores what is measured.
      await sleep(3);
    }
    await answer;
  };

  const [ours, bares] = (
    await interleaved(5, [
      async (round) => {
        const requests: { id: string; digest: string }[] = [];
        for (let index = 0; index < each; index += 1) requests.push(await waiting(`${round}-${index}`));
        await stage.quiet();
        const applied: number[] = [];
        for (const request of requests) {
          const started = performance.now();
          await decide(request);
          applied.push(performance.now() - started);
        }
        return applied;
      },
      async (round) => {
        for (let index = 0; index < each; index += 1) await bare.await(`signal-${round}-${index}`);
        await stage.quiet();
        return sequence(each, (index) => bare.signal(`signal-${round}-${index}`));
      },
    ])
  ).map((rounds) => summarise(rounds.flat())) as [Summary, Summary];
  const vote = summarise(answered);

  return [
    {
      name: "vote → applied",
      measured: `p50 ${figure(ours.p50)}, p95 ${figure(ours.p95)} ms (vote answered p50 ${figure(vote.p50)})`,
      baseline: `bare p50 ${figure(bares.p50)}, p95 ${figure(bares.p95)} ms`,
      value: ours.p50 / bares.p50,
      unit: "×",
      target: { at: "most", value: 1.5 },
      facts: { ours, bare: bares, voteAnswered: vote },
    },
  ];
}
