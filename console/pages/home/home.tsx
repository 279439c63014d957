import { Anchor, SimpleGrid, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { $api } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { Budgets } from "./budgets.tsx";
import { Chain } from "./chain.tsx";
import { OutOfSync } from "./out-of-sync.tsx";
import { Running } from "./running.tsx";
import { WaitsForMe } from "./waits-for-me.tsx";

/** What needs the reader now, and what goes on. */
export function Home() {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const may = useMay();
  return (
    <Page title={`Hello, ${me.data?.display_name.split(" ")[0] ?? ""}`} subtitle={me.data?.home_ou_path}>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
        <WaitsForMe />
        <Running />
        {may("agent:read") ? <OutOfSync /> : null}
        {may("budget:read") ? <Budgets /> : null}
        {may("audit:read") ? <Chain /> : null}
        {may("agent:invoke") ? <Talk /> : null}
      </SimpleGrid>
    </Page>
  );
}

function Talk() {
  const meta = $api.useQuery("get", "/agents", {
    params: { query: { name: "powerloom-meta", limit: 1 } },
  });
  const agent = meta.data?.data[0];
  if (agent === undefined) return null;
  return (
    <Section title="Say what you need">
      <Text size="sm">
        <Anchor underline="always" component={Link} to={`/agents/${agent.id}`} inherit>
          {agent.display_name}
        </Anchor>{" "}
        creates and wires agents from a conversation, with your rights and no others.
      </Text>
    </Section>
  );
}
