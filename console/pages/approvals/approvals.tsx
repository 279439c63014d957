import { Button, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { Page } from "../../parts/page.tsx";
import { Filters } from "./filters.tsx";
import { type InboxSearch, inboxSearch, tabOf } from "./inbox-search.ts";
import { InboxTabs } from "./inbox-tabs.tsx";
import { KeysHelp } from "./keys-help.tsx";
import { Panes } from "./panes.tsx";

const route = getRouteApi("/shell/approvals");

/** The inbox: what waits for a decision, the one chosen in full beside it, and deciding one or many. */
export function Approvals() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [help, { open: openHelp, close: closeHelp }] = useDisclosure();
  const change = (some: Partial<Record<keyof InboxSearch, string | undefined>>) =>
    void navigate({ search: (before) => inboxSearch({ ...before, ...some }), replace: true, resetScroll: false });
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
      <InboxTabs
        tab={tabOf(search)}
        onChange={(next) => change({ tab: next === "mine" ? undefined : next, outcome: undefined })}
      >
        <Stack gap="sm">
          <Filters search={search} onChange={change} />
          <Panes
            search={search}
            onShow={(id) => change({ at: id })}
            onLeave={(id) => void navigate({ to: "/approvals/$requestId", params: { requestId: id } })}
            onHelp={openHelp}
          />
        </Stack>
      </InboxTabs>
      <KeysHelp opened={help} onClose={closeHelp} />
    </Page>
  );
}
