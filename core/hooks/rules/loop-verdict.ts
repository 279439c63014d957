import type { Gate } from "../outcomes.ts";
import type { LoopView } from "../subjects.ts";

/** Warn, then reset and replan, then ask a person, then stop (design §9). */
export const loopVerdict: Gate<{ loop: LoopView }> = {
  name: "loop-verdict",
  check: ({ loop: { level, reason } }) => {
    switch (level) {
      case "none":
        return { kind: "pass" };
      case "warn":
      case "replan":
        return { kind: "note", event: { type: "loop_detected", level, reason } };
      case "pause":
        return { kind: "ask", question: `The agent goes round in circles (${reason}). Shall it go on?` };
      case "stop":
        return { kind: "abort", reason: `the agent goes round in circles: ${reason}` };
    }
  },
};
