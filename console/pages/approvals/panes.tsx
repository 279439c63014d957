import { Box, Paper, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useState } from "react";
import { Empty, Loading, Problem } from "../../parts/states.tsx";
import { ApprovalRows } from "./approval-list.tsx";
import { Beside } from "./beside.tsx";
import { BulkBar } from "./bulk-bar.tsx";
import { BulkDialog } from "./bulk-dialog.tsx";
import classes from "./inbox.module.css";
import { filtersOf, type InboxSearch, tabOf } from "./inbox-search.ts";
import { countRows } from "./page-chain.ts";
import { useApprovalList } from "./use-approval-list.ts";
import { useInbox } from "./use-inbox.ts";
import { useKeys } from "./use-keys.ts";

/** The list, and where there is room the chosen request beside it. Drawn apart from what narrows it: it changes while it is scrolled. */
export function Panes({
  search,
  onShow,
  onLeave,
  onHelp,
}: {
  search: InboxSearch;
  /** A request is to be shown beside the list. */
  onShow: (id: string) => void;
  /** A request is to be shown on its own page: there is no room beside the list. */
  onLeave: (id: string) => void;
  onHelp: () => void;
}) {
  const wide = useMediaQuery("(min-width: 62em)", undefined, { getInitialValueInEffect: false }) ?? true;
  const [deciding, setDeciding] = useState<"approve" | "deny">();
  const list = useApprovalList(filtersOf(search));
  const inbox = useInbox({ chain: list.chain, shownId: search.at, show: wide ? onShow : onLeave, wide });
  const { ticked } = inbox;
  const decideAll = (decision: "approve" | "deny") => (ticked.size === 0 ? undefined : () => setDeciding(decision));
  useKeys({
    j: inbox.next,
    ArrowDown: inbox.next,
    k: inbox.before,
    ArrowUp: inbox.before,
    x: inbox.tickFocused,
    Escape: ticked.size === 0 ? undefined : inbox.tickNone,
    "?": onHelp,
    // With requests selected, these keys decide those; without, the one shown (which listens for itself).
    a: decideAll("approve"),
    d: decideAll("deny"),
  });
  const count = countRows(list.chain);
  return (
    <>
      {list.error === null ? null : <Problem error={list.error} retry={list.retry} />}
      <Box className={classes["panes"] ?? ""}>
        <Box className={classes["list"] ?? ""} data-empty={count === 0}>
          {count > 0 ? (
            <>
              <BulkBar inbox={inbox} onDecide={setDeciding} />
              <ApprovalRows
                list={list}
                shownId={wide ? search.at : undefined}
                focused={inbox.focused}
                ticked={ticked}
                actions={inbox.actions}
              />
            </>
          ) : list.error === null ? (
            <NoRows search={search} ended={list.chain.ended} />
          ) : null}
        </Box>
        {wide ? (
          <Box className={classes["beside"] ?? ""}>
            {search.at === undefined ? (
              <Paper p="xl" ta="center">
                <Text c="dimmed" size="sm">
                  Choose a request to see what exactly would be done.
                </Text>
              </Paper>
            ) : (
              <Beside key={search.at} id={search.at} keysOff={ticked.size > 0} />
            )}
          </Box>
        ) : null}
      </Box>
      {deciding === undefined ? null : (
        <BulkDialog
          decision={deciding}
          approvals={[...ticked.values()]}
          onDone={inbox.untick}
          onClose={() => setDeciding(undefined)}
        />
      )}
    </>
  );
}

/** Nothing yet, or nothing at all, and why. */
function NoRows({ search, ended }: { search: InboxSearch; ended: boolean }) {
  const { q, kind, operation, requester, outcome } = search;
  if (!ended) return <Loading lines={8} />;
  if ([q, kind, operation, requester].some((filter) => filter !== undefined))
    return <Empty title="Nothing like this">Take a filter away to see more.</Empty>;
  if (tabOf(search) === "decided")
    return <Empty title={outcome === undefined ? "Nothing has been decided yet" : "Nothing has ended like this yet"} />;
  return (
    <Empty title={tabOf(search) === "mine" ? "Nothing waits for your decision" : "Nothing waits that you may see"}>
      What approval policies or agents ask for appears here by itself.
    </Empty>
  );
}
