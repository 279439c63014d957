import { Badge, Box, Burger, Group, Text, Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Status } from "../parts/status.tsx";
import { $api } from "../wire/client.ts";
import { useConnection } from "../wire/live.ts";
import { useMay } from "../wire/rights.ts";
import { AccountMenu } from "./account-menu.tsx";

/** Where one is: organisation, environment, what agents may do here, and whether what is shown follows what happens. */
export function Header({ opened, onToggle }: { opened: boolean; onToggle: () => void }) {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const environment = $api.useQuery("get", "/environment", {}, { staleTime: 300_000 });
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
        {environment.data === undefined ? null : (
          <Tooltip label={`Environment. Models: ${environment.data.provider}. Version ${environment.data.version}`}>
            <Badge variant="outline" color="gray" visibleFrom="xs" tabIndex={0}>
              {environment.data.environment}
            </Badge>
          </Tooltip>
        )}
        <GovernanceMode />
      </Group>
      <Group gap="sm" wrap="nowrap">
        <Connection />
        <AccountMenu />
      </Group>
    </Group>
  );
}

function GovernanceMode() {
  const may = useMay();
  const { data } = $api.useQuery("get", "/governance/mode", {}, { enabled: may("governance:read"), retry: false });
  if (data === undefined) return null;
  return (
    <Tooltip label="What agents in runs may do without asking">
      <Box component={Link} to="/governance" visibleFrom="xs" aria-label={`Governance mode: ${data.mode}`}>
        <Status value={data.mode} />
      </Box>
    </Tooltip>
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
