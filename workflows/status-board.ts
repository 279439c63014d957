import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";
import { setCurrentDetails, upsertSearchAttributes } from "@temporalio/workflow";
import { searchAttributeNames } from "../core/search-attributes.ts";
import type { WorkflowStatus } from "./messages.ts";

const statusKey = defineSearchAttributeKey(searchAttributeNames.status, SearchAttributeType.KEYWORD);
const ouKey = defineSearchAttributeKey(searchAttributeNames.ou, SearchAttributeType.KEYWORD);

/** Keeps the Temporal UI reading like a status board: one call sets query, details and search attributes alike. */
export function createBoard(initial: WorkflowStatus): {
  current: () => WorkflowStatus;
  show: (phase: string, detail: string, ou?: string) => void;
} {
  let current = initial;
  return {
    current: () => current,
    show(phase, detail, ou) {
      current = { phase, detail };
      setCurrentDetails(`${phase}: ${detail}`);
      upsertSearchAttributes([
        { key: statusKey, value: phase },
        ...(ou === undefined || ou === "" ? [] : [{ key: ouKey, value: ou }]),
      ]);
    },
  };
}
