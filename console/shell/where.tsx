import { Badge, Box, Group, Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Status } from "../parts/status.tsx";
import { $api } from "../wire/client.ts";
import { useMay } from "../wire/rights.ts";

/** Which installation this is, and what agents may do here without asking. */
export function Where() {
  const may = useMay();
  const environment = $api.useQuery("get", "/environment", {}, { staleTime: 300_000 });
  const mode = $api.useQuery("get", "/governance/mode", {}, { enabled: may("governance:read"), retry: false });
  return (
    <Group gap="xs" wrap="nowrap">
      {environment.data === undefined ? null : (
        <Tooltip label={`Environment. Models: ${environment.data.provider}. Version ${environment.data.version}`}>
          <Badge variant="outline" color="gray" tabIndex={0}>
            {environment.data.environment}
          </Badge>
        </Tooltip>
      )}
      {mode.data === undefined ? null : (
        <Tooltip label="What agents in runs may do without asking">
          <Box component={Link} to="/governance" aria-label={`Governance mode: ${mode.data.mode}`} lh={1}>
            <Status value={mode.data.mode} />
          </Box>
        </Tooltip>
      )}
    </Group>
  );
}
