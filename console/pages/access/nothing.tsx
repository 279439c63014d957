import { Text } from "@mantine/core";
import type { ReactNode } from "react";

/** Says that a part of a page holds nothing. */
export function Nothing({ children }: { children: ReactNode }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  );
}
