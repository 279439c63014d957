import { Box, Burger, Group, Text, Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { $api } from "../wire/client.ts";
import { useConnection } from "../wire/live.ts";
import { AccountMenu } from "./account-menu.tsx";
import { Where } from "./where.tsx";

/** Where one is: organisation, environment, what agents may do here, and whether what is shown follows what happens. */
export function Header({ opened, onToggle }: { opened: boolean; onToggle: () => void }) {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  return (
    <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="xs">
      <Group gap="xs" wrap="nowrap" style={{ minWidth: 0 }}>
        <Burger opened={opened} onClick={onToggle} hiddenFrom="sm" size="sm" aria-label="Menu" aria-expanded={opened} />
        <Link to="/" aria-label="Powerloom, home" style={{ display: "flex" }}>
          <img src="/console/assets/mark.svg" width={28} height={28} alt="" />
        </Link>
        <Text fw={700} visibleFrom="sm">
          Powerloom
        </Text>
        <Text c="dimmed" visibleFrom="sm" aria-hidden="true">
          /
        </Text>
        <Text fw={600} truncate>
          {me.data?.organisation}
        </Text>
        <Box visibleFrom="xs">
          <Where />
        </Box>
      </Group>
      <Group gap="sm" wrap="nowrap">
        <Connection />
        <AccountMenu />
      </Group>
    </Group>
  );
}

function Connection() {
  const connection = useConnection();
  if (connection === "live")
    return (
      <Tooltip label="What is shown follows what happens">
        <Text size="xs" c="dimmed" visibleFrom="sm" tabIndex={0}>
          ● live
        </Text>
      </Tooltip>
    );
  return (
    <Text size="xs" c={connection === "broken" ? "red" : "dimmed"} role="status">
      {connection === "broken" ? "offline: what is shown may be old" : "connecting"}
    </Text>
  );
}
