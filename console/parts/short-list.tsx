import { Anchor, Group, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

export interface ShortListItem {
  key: string;
  to: string;
  title: string;
  note?: ReactNode;
  right?: ReactNode;
}

/** A few things, each a link to its page. */
export function ShortList({ items, more }: { items: readonly ShortListItem[]; more?: { to: string; label: string } }) {
  return (
    <Stack gap="sm">
      {items.map(({ key, to, title, note, right }) => (
        <Group key={key} justify="space-between" wrap="nowrap" gap="sm" align="flex-start">
          <div style={{ minWidth: 0 }}>
            <Anchor component={Link} to={to} size="sm" fw={550} lineClamp={2} style={{ overflowWrap: "anywhere" }}>
              {title}
            </Anchor>
            {note === undefined ? null : (
              <Text size="xs" c="dimmed" component="div">
                {note}
              </Text>
            )}
          </div>
          {right}
        </Group>
      ))}
      {more === undefined ? null : (
        <Anchor component={Link} to={more.to} size="sm">
          {more.label}
        </Anchor>
      )}
    </Stack>
  );
}
