import { Button, Group, Text } from "@mantine/core";
import classes from "./inbox.module.css";
import type { Inbox } from "./use-inbox.ts";

/** How many requests are selected, and what can be done with them. */
export function BulkBar({ inbox, onDecide }: { inbox: Inbox; onDecide: (decision: "approve" | "deny") => void }) {
  const { ticked, tickable, tickAll, tickNone } = inbox;
  if (!tickable && ticked.size === 0) return null;
  return (
    <fieldset className={classes["bulk"]} aria-label="Decide several at once">
      <Group gap="xs" justify="space-between">
        <Text size="sm" aria-live="polite">
          {ticked.size === 0 ? "Nothing selected" : `${ticked.size} selected`}
        </Text>
        <Group gap="xs">
          {ticked.size === 0 ? (
            <Button size="xs" variant="subtle" onClick={tickAll}>
              Select all shown
            </Button>
          ) : null}
          {ticked.size > 0 ? (
            <>
              <Button size="xs" variant="subtle" color="gray" onClick={tickNone}>
                None
              </Button>
              <Button size="xs" color="teal.9" onClick={() => onDecide("approve")}>
                Approve
              </Button>
              <Button size="xs" color="red" variant="light" onClick={() => onDecide("deny")}>
                Deny
              </Button>
            </>
          ) : null}
        </Group>
      </Group>
    </fieldset>
  );
}
