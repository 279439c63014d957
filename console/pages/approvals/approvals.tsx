import { Box, Button, Group, Paper, Stack, Text } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { Page } from "../../parts/page.tsx";
import { Empty, Loading, Problem } from "../../parts/states.tsx";
import { ApprovalRows } from "./approval-list.tsx";
import { Beside } from "./beside.tsx";
import { BulkBar } from "./bulk-bar.tsx";
import { BulkDialog } from "./bulk-dialog.tsx";
import { Filters } from "./filters.tsx";
import classes from "./inbox.module.css";
import { filtersOf, type InboxSearch, inboxSearch, tabOf } from "./inbox-search.ts";
import { InboxTabs } from "./inbox-tabs.tsx";
import { KeysHelp } from "./keys-help.tsx";
import { countRows } from "./page-chain.ts";
import { useApprovalList } from "./use-approval-list.ts";
import { useInbox } from "./use-inbox.ts";
import { useKeys } from "./use-keys.ts";

const route = getRouteApi("/shell/approvals");

/** The inbox: what waits for a decision, the one chosen in full beside it, and deciding one or many. */
export function Approvals() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  // On narrow screens a request has a page of its own.
  const wide = useMediaQuery("(min-width: 62em)", undefined, { getInitialValueInEffect: false }) ?? true;
  const [help, { open: openHelp, close: closeHelp }] = useDisclosure();
  const [deciding, setDeciding] = useState<"approve" | "deny">();
  const tab = tabOf(search);
  const list = useApprovalList(filtersOf(search));
  const change = (some: Partial<Record<keyof InboxSearch, string | undefined>>) =>
    void navigate({ search: (before) => inboxSearch({ ...before, ...some }), replace: true, resetScroll: false });
  const inbox = useInbox({
    chain: list.chain,
    shownId: search.at,
    show: (id) =>
      wide ? change({ at: id }) : void navigate({ to: "/approvals/$requestId", params: { requestId: id } }),
    wide,
  });
  const { ticked } = inbox;
  const decideAll = (decision: "approve" | "deny") => (ticked.size === 0 ? undefined : () => setDeciding(decision));
  useKeys({
    j: inbox.next,
    ArrowDown: inbox.next,
    k: inbox.before,
    ArrowUp: inbox.before,
    x: inbox.tickFocused,
    Escape: ticked.size === 0 ? undefined : inbox.tickNone,
    "?": openHelp,
    // With requests selected, these keys decide those; without, the one shown (which listens for itself).
    a: decideAll("approve"),
    d: decideAll("deny"),
  });
  const count = countRows(list.chain);
  return (
    <Page
      title="Approvals"
      subtitle="Changes, tool calls and budgets that wait for somebody's decision."
      actions={
        <Button variant="default" size="xs" onClick={openHelp} visibleFrom="sm">
          Keys
        </Button>
      }
    >
      <InboxTabs tab={tab} onChange={(next) => change({ tab: next === "mine" ? undefined : next, outcome: undefined })}>
        <Stack gap="sm">
          <Filters search={search} onChange={change} />
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
              ) : list.error === null && !list.chain.ended ? (
                <Loading lines={8} />
              ) : list.error === null ? (
                <Nothing narrowed={isNarrowed(search)} tab={tab} />
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
        </Stack>
      </InboxTabs>
      <KeysHelp opened={help} onClose={closeHelp} />
      {deciding === undefined ? null : (
        <BulkDialog
          decision={deciding}
          approvals={[...ticked.values()]}
          onDone={inbox.untick}
          onClose={() => setDeciding(undefined)}
        />
      )}
    </Page>
  );
}

const isNarrowed = ({ q, kind, operation, requester }: InboxSearch) =>
  [q, kind, operation, requester].some((filter) => filter !== undefined);

function Nothing({ narrowed, tab }: { narrowed: boolean; tab: "mine" | "pending" | "decided" }) {
  if (narrowed) return <Empty title="Nothing like this">Take a filter away to see more.</Empty>;
  if (tab === "decided") return <Empty title="Nothing has ended like this yet" />;
  return (
    <Empty title={tab === "mine" ? "Nothing waits for your decision" : "Nothing waits that you may see"}>
      <Group justify="center">What approval policies or agents ask for appears here by itself.</Group>
    </Empty>
  );
}
