import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, useEffect, useRef } from "react";
import classes from "./approval-list.module.css";
import { ApprovalRow, type RowActions } from "./approval-row.tsx";
import { countRows, rowAt } from "./page-chain.ts";
import type { ApprovalList } from "./use-approval-list.ts";

const rowHeight = 78;

/** The requests, as far as they are in view: the list may hold tens of thousands. */
export function ApprovalRows({
  list,
  shownId,
  focused,
  ticked,
  actions,
}: {
  list: ApprovalList;
  shownId: string | undefined;
  /** Where the keyboard has gone to. */
  focused: { id: string; index: number } | undefined;
  ticked: ReadonlyMap<string, unknown>;
  actions: RowActions;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const { chain, show } = list;
  const count = countRows(chain);
  // Nothing of it goes to what is memoised.
  // oxlint-disable-next-line react/incompatible-library
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
    // Not inside React's rendering: scrolling fast would otherwise wait for each step to be drawn.
    useFlushSync: false,
  });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => show(first, last), [show, first, last]);
  // Another list begins at its beginning.
  const { key } = chain;
  useEffect(() => {
    if (key !== "") scroller.current?.scrollTo({ top: 0 });
  }, [key]);
  useEffect(() => {
    if (focused !== undefined) virtual.scrollToIndex(focused.index);
  }, [focused, virtual]);
  const names = new Set<string>();
  return (
    <div
      ref={scroller}
      aria-busy={chain.old}
      className={classes["list"]}
      data-old={chain.old}
      style={{ "--row-height": `${rowHeight}px` } as CSSProperties}
    >
      <ul aria-label="Requests" className={classes["rows"]} style={{ height: virtual.getTotalSize() }}>
        {items.map(({ index, start }) => {
          const approval = rowAt(chain, index);
          // By its id, so that the keyboard stays on what it is on; where pages overlap for a moment, by its place.
          const id = approval?.id ?? "";
          const place = approval === undefined || names.has(id) ? `place-${index}` : id;
          names.add(id);
          return (
            <li
              key={place}
              aria-posinset={index + 1}
              aria-setsize={chain.ended ? count : -1}
              className={classes["place"]}
              style={{ transform: `translateY(${start}px)` }}
            >
              {approval === undefined ? (
                <div className={classes["coming"]}>Loading</div>
              ) : (
                <ApprovalRow
                  approval={approval}
                  index={index}
                  shown={approval.id === shownId}
                  focused={approval.id === focused?.id}
                  ticked={ticked.has(approval.id)}
                  actions={actions}
                />
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
