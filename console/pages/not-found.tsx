import { Anchor, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

/** An address that leads nowhere. */
export function NotFound() {
  return (
    <Stack p="xl" gap="xs">
      <Title order={1}>There is no such page</Title>
      <Text c="dimmed">The address may be mistyped, or what it showed is gone.</Text>
      <Anchor component={Link} to="/">
        Home
      </Anchor>
    </Stack>
  );
}
