import { oneLine } from "../printable.ts";

/** How an Approver lets a call, or a larger budget, pass. */
export function voteCommand(requestId: string): string {
  return `powerloom approvals vote ${oneLine(requestId)} --decision approve`;
}
