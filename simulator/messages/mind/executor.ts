import { atPath, type Conversation } from "../conversation.ts";
import type { Reply } from "../reply.ts";

/** Makes the planned tool call, once. Asked again, something went wrong that it cannot mend. */
export function executorReply({ input, results, last, tools, turn }: Conversation): Reply {
  const failed = (summary: string): Reply => ({ output: { status: "failed", steps: [], summary } });
  const tool = atPath(input, "step.tool");
  const args = atPath(input, "step.args");
  if (typeof tool !== "string" || typeof args !== "object" || args === null) {
    return failed("I carry out one planned step at a time, and was given none.");
  }
  if (turn > 0) {
    const result = results.at(-1);
    const happened =
      result === undefined ? last : `${result.isError ? "an error" : "a result that was not expected"}: ${result.text}`;
    return failed(`Step ${String(atPath(input, "step.step"))} (${tool}) gave ${happened}`.slice(0, 2_000));
  }
  if (!tools.has(tool)) return failed(`The planned tool ${tool} is not at hand.`);
  return { tool_uses: [{ name: tool, input: args }] };
}
