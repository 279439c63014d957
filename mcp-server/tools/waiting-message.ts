import type { MutationAnswer } from "./mutate.ts";

/** The words for one kind of change: "Agent creation", "The agent will be created". */
export interface ChangeWords {
  change: string;
  consequence: string;
}

/** What to tell the person about a change that is not applied yet. */
export function waitingMessage(
  answer: Exclude<MutationAnswer, { status: "applied" }>,
  { change, consequence }: ChangeWords,
  named: string | undefined,
): string {
  const where = answer.ouPath ?? named;
  const subject = where === undefined ? change : `${change} in \`${where}\``;
  const id = `(ID: \`${answer.requestId}\`)`;
  return answer.status === "pending_approval"
    ? `${subject} requires approval. Request submitted ${id}. Your approvers will see it in the \`/approvals\` inbox. ${consequence} once approved.`
    : `${subject} was received ${id} and is not decided yet. Calling the tool again with the same arguments asks how it stands; it is never done twice.`;
}
