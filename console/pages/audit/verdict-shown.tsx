import { Alert, Anchor, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { ShortId } from "../../parts/short-id.tsx";
import type { Shown } from "../../wire/client.ts";
import { Chain } from "./chain.tsx";
import { counted } from "./counted.ts";

type Verdict = Pick<Shown["VerifiedChain"], "intact" | "entries" | "position" | "reason" | "head"> &
  Partial<Pick<Shown["VerifiedChain"], "unseen">>;

/** What was found: all in order up to which entry, or where it first breaks, and how. */
export function VerdictShown({ verdict }: { verdict: Verdict }) {
  const { intact, entries, position, reason, head, unseen = null } = verdict;
  if (intact)
    return (
      <Alert color="teal" title={`Intact: ${counted(entries)}`} role="status">
        <Text size="sm">
          Each entry refers to the one before it. The last one's hash is <ShortId id={head ?? ""} />.
        </Text>
        {unseen === null ? null : (
          <Text size="sm" c="dimmed">
            {unseen}
          </Text>
        )}
      </Alert>
    );
  return (
    <Alert color="red" title={`Broken at entry ${position ?? "?"}`} role="alert">
      <Stack gap="sm">
        <Text size="sm">
          {sentence(reason)} {counted(entries)} before it fit.{" "}
          {position === null ? null : (
            <Anchor component={Link} to={`/audit/${position}`} inherit>
              Look at entry {position}
            </Anchor>
          )}
        </Text>
        {position === null ? null : <Chain broken={position} />}
      </Stack>
    </Alert>
  );
}

const sentence = (reason: string | null) =>
  reason === null ? "" : `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
