import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from "@temporalio/common";
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from "@temporalio/workflow";
import { searchAttributeNames } from "../core/search-attributes.ts";
import type { WorkflowStatus } from "./messages.ts";

const statusKey = defineSearchAttributeKey(searchAttributeNames.status, SearchAttributeType.KEYWORD);
const organisationKey = defineSearchAttributeKey(searchAttributeNames.organisation, SearchAttributeType.KEYWORD);
const kindKey = defineSearchAttributeKey(searchAttributeNames.kind, SearchAttributeType.KEYWORD);
const ouKey = defineSearchAttributeKey(searchAttributeNames.ou, SearchAttributeType.KEYWORD);

export interface StatusBoard {
  /** What the `status` query answers. */
  current: () => WorkflowStatus;
  /** Says what the workflow is doing now. */
  show: (phase: string, detail: string, ou?: string) => void;
  /**
   * Says what the list in the Temporal UI says of itself: that it runs, or is over and went as asked. Unless the list shows
   * another state of ours, or not yet the OU, the search attributes stay as they are (ADR 9).
   */
  note: (phase: string, detail: string, ou?: string) => void;
}

/** Keeps the Temporal UI reading like a status board: one call sets query, details and search attributes alike. */
export function createBoard(initial: WorkflowStatus): StatusBoard {
  let current = initial;
  // A run that goes on from another has its attributes too.
  let listed = workflowInfo().typedSearchAttributes.get(statusKey) !== undefined;
  const say = (phase: string, detail: string) => {
    current = { phase, detail };
    setCurrentDetails(`${phase}: ${detail}`);
  };
  const show: StatusBoard["show"] = (phase, detail, ou) => {
    say(phase, detail);
    listed = true;
    upsertSearchAttributes([
      { key: statusKey, value: phase },
      ...(ou === undefined || ou === "" ? [] : [{ key: ouKey, value: ou }]),
    ]);
  };
  return {
    current: () => current,
    show,
    note(phase, detail, ou) {
      const complete = !listed && workflowInfo().typedSearchAttributes.get(ouKey) !== undefined;
      if (complete) say(phase, detail);
      else show(phase, detail, ou);
    },
  };
}

/** Search attributes of a child: the organisation, kind and OU of its parent. */
export function childAttributes(): TypedSearchAttributes {
  const own = workflowInfo().typedSearchAttributes;
  const pairs = [organisationKey, kindKey, ouKey].flatMap((key) => {
    const value = own.get(key);
    return value === undefined ? [] : [{ key, value }];
  });
  return new TypedSearchAttributes(pairs);
}
