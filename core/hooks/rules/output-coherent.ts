import type { Gate } from "../outcomes.ts";
import type { OutputSubject } from "../subjects.ts";

/** The output hangs together, as far as somebody was asked: refused, the model may mend it; rejected, the run ends. */
export const outputCoherent: Gate<OutputSubject> = {
  name: "output-coherent",
  check: ({ coherence }) => {
    if (coherence === null || coherence.faults.length === 0) return { kind: "pass" };
    const reason = `the output does not hang together: ${coherence.faults.join("; ")}`;
    return coherence.strictness === "reject" ? { kind: "abort", reason } : { kind: "refuse", reason };
  },
};
