import { sha256Hex } from "../../core/canonical.ts";
import type { Tx } from "../../db/database.ts";
import type { StepRow } from "../../db/queries/runs.ts";
import { storableJson } from "../../db/storable.ts";
import { summaryOf } from "./record.ts";

/** Ends a tool step: once, with everything a repeated attempt has to answer. Sent without waiting. */
export function closeToolStep(
  tx: Tx,
  step: StepRow,
  end: {
    status: string;
    facts: unknown;
    text: string;
    isError: boolean;
    ms: number;
    decision?: Record<string, unknown>;
  },
): void {
  tx.send(
    `update agent_steps set status = $3, facts = $4, result = $5, result_digest = $6, output_summary = $7, is_error = $8,
       duration_ms = $9, completed_at = clock_timestamp(), error_msg = case when $8 then $7 end,
       decision = coalesce(decision, '{}') || $10 where run_id = $1 and step_id = $2`,
    [
      step.run_id,
      step.step_id,
      end.status,
      storableJson(end.facts),
      end.text,
      sha256Hex(end.text),
      summaryOf(end.text),
      end.isError,
      Math.round(end.ms),
      storableJson(end.decision ?? {}),
    ],
  );
}
