import { Box, Group, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

/** A page: its title (of the tab too), what can be done there, its content. */
export function Page({
  title,
  subtitle,
  actions,
  above,
  children,
}: {
  title: string;
  subtitle?: ReactNode;
  /** Buttons, right of the title. */
  actions?: ReactNode;
  /** The way back up. */
  above?: ReactNode;
  children: ReactNode;
}) {
  useDocumentTitle(`${title} · Powerloom`);
  return (
    <Stack gap="md">
      <Box>
        {above === undefined ? null : (
          <Text size="sm" c="dimmed" mb={2} component="div">
            {above}
          </Text>
        )}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Box style={{ minWidth: 0, flex: "1 1 16rem" }}>
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {title}
            </Title>
            {subtitle === undefined ? null : (
              <Text c="dimmed" size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
                {subtitle}
              </Text>
            )}
          </Box>
          {actions === undefined ? null : <Group gap="xs">{actions}</Group>}
        </Group>
      </Box>
      {children}
    </Stack>
  );
}
