import { Badge, type MantineColor } from "@mantine/core";

/** What a status looks like. Never by colour alone: the word is always there. */
const colors: Readonly<Record<string, MantineColor>> = {
  synced: "teal",
  applied: "teal",
  approved: "teal",
  completed: "teal",
  healthy: "teal",
  active: "teal",
  allow: "teal",
  approve: "teal",
  added: "teal",
  success: "teal",
  running: "blue",
  starting: "blue",
  received: "blue",
  pending: "yellow",
  pending_approval: "yellow",
  waiting: "yellow",
  paused: "yellow",
  PERMISSION: "blue",
  READ_ONLY: "teal",
  BYPASS: "red",
  error: "red",
  failed: "red",
  timeout: "red",
  denied: "red",
  deny: "red",
  refused: "red",
  unhealthy: "red",
  suspended: "red",
  removed: "red",
  stopped: "orange",
  expired: "gray",
  cancelled: "gray",
  ended: "gray",
  idle: "gray",
};

const words: Readonly<Record<string, string>> = { pending_approval: "waits for approval", READ_ONLY: "READ ONLY" };

/** A status as a badge, never cut short. */
export function Status({ value }: { value: string }) {
  return (
    <Badge color={colors[value] ?? "gray"} style={{ flex: "none", minWidth: "max-content" }}>
      {words[value] ?? value.replaceAll("_", " ")}
    </Badge>
  );
}
