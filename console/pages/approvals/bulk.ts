import { type ApiProblem, toProblem } from "../../wire/problem.ts";
import type { Approval } from "./use-approval-list.ts";
import { sendVote } from "./vote.ts";

/** What became of one vote of several: done, and what the request is now; or refused, as the API said it. */
export type Outcome = { approval: Approval } & (
  | { kind: "waiting" }
  | { kind: "done"; after: Approval }
  | { kind: "refused"; problem: ApiProblem }
);

/** Votes under way at once: enough to be quick, few enough to leave the API to others. */
const atOnce = 4;

/**
 * Votes on each request by itself, with the digest it was shown with. One refusal stops no other.
 * @param onOutcome told of each vote as it is answered
 */
export async function voteOnEach(
  approvals: readonly Approval[],
  vote: { decision: "approve" | "deny"; reason: string },
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const queue = [...approvals];
  const work = async () => {
    for (let approval = queue.shift(); approval !== undefined; approval = queue.shift())
      try {
        onOutcome({ approval, kind: "done", after: await sendVote({ on: approval, ...vote }) });
      } catch (error) {
        onOutcome({ approval, kind: "refused", problem: toProblem(error) });
      }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
