import { Tabs } from "@mantine/core";
import type { ReactNode } from "react";
import { count } from "../../../core/text/figures.ts";
import { $api } from "../../wire/client.ts";
import classes from "./inbox.module.css";
import type { Tab } from "./inbox-search.ts";

/** Which requests are shown, and how many there are of each sort. */
export function InboxTabs({
  tab,
  onChange,
  children,
}: {
  tab: Tab;
  onChange: (tab: Tab) => void;
  children: ReactNode;
}) {
  const { data } = $api.useQuery("get", "/approvals/summary", {});
  const decided = Object.entries(data?.by_status ?? {}).reduce(
    (sum, [status, some]) => (status === "pending" ? sum : sum + some),
    0,
  );
  const words = (label: string, some: number) => (data === undefined ? label : `${label} (${count(some)})`);
  return (
    <Tabs value={tab} onChange={(next) => onChange(next as Tab)}>
      <Tabs.List mb="sm" className={classes["tabs"] ?? ""}>
        <Tabs.Tab value="mine">{words("For you", data?.pending.mine ?? 0)}</Tabs.Tab>
        <Tabs.Tab value="pending">{words("All pending", data?.pending.total ?? 0)}</Tabs.Tab>
        <Tabs.Tab value="decided">{words("Decided", decided)}</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value={tab}>{children}</Tabs.Panel>
    </Tabs>
  );
}
