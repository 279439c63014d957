import { type MouseEvent, memo, useEffect, useRef } from "react";
import { Moment } from "../../parts/moment.tsx";
import classes from "./approval-list.module.css";
import { kindWords } from "./inbox-search.ts";
import type { Approval } from "./use-approval-list.ts";

/** What can be done with a row. Functions that stay the same: a row is drawn anew only when it has changed. */
export interface RowActions {
  open: (index: number) => void;
  tick: (index: number, range: boolean) => void;
}

/** One request in the list. Plain elements: thousands of these pass by while scrolling. */
export const ApprovalRow = memo(function ApprovalRow({
  approval,
  index,
  shown,
  focused,
  ticked,
  actions,
}: {
  approval: Approval;
  index: number;
  /** Beside the list, in full. */
  shown: boolean;
  /** The keyboard has come here. */
  focused: boolean;
  ticked: boolean;
  actions: RowActions;
}) {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (focused) link.current?.focus({ preventScroll: true });
  }, [focused]);
  const { diff, status } = approval;
  const open = (event: MouseEvent) => {
    // A new tab, when one is asked for.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    actions.open(index);
  };
  return (
    <div className={classes["row"]} data-shown={shown}>
      {approval.can_vote ? (
        <label className={classes["tick"]}>
          <input
            type="checkbox"
            aria-label={`Select: ${diff.summary}`}
            checked={ticked}
            onChange={() => undefined}
            onClick={(event) => actions.tick(index, event.shiftKey)}
          />
        </label>
      ) : (
        <span className={classes["tick"]} />
      )}
      <a
        ref={link}
        href={`/approvals/${encodeURIComponent(approval.id)}`}
        className={classes["link"]}
        aria-current={shown ? "true" : undefined}
        onClick={open}
      >
        <span className={classes["summary"]}>{diff.summary}</span>
        <span className={classes["meta"]}>
          {status === "pending" ? "" : `${status} · `}
          {kindWords[approval.kind]} · {approval.requester_email} ·{" "}
          {status === "pending" ? (
            <>
              expires <Moment at={approval.expires_at} />
            </>
          ) : (
            <Moment at={approval.created_at} />
          )}
        </span>
      </a>
    </div>
  );
});
