import { Alert, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { Problem } from "../../parts/states.tsx";
import type { Shown } from "../../wire/client.ts";
import { useKeys } from "./use-keys.ts";
import { useVote } from "./vote.ts";

type Decision = "approve" | "deny";

const words = {
  approve: { ask: "Approve", send: "Approve this", note: "Comment (optional)", color: "teal.9" },
  deny: { ask: "Deny", send: "Deny this", note: "Reason (the requester reads it)", color: "red.9" },
} as const;

const focusOnce = (element: HTMLTextAreaElement | null) => element?.focus();

/** Approve or deny, in two steps: choose, then confirm. The vote names the digest of what was shown when it was chosen. */
export function Decide({ approval, keysOff }: { approval: Shown["Approval"]; keysOff: boolean }) {
  const [chosen, setChosen] = useState<{ decision: Decision; digest: string }>();
  const [note, setNote] = useState("");
  const [missing, setMissing] = useState(false);
  const vote = useVote();
  const choose = (decision: Decision) => {
    vote.reset();
    setMissing(false);
    setChosen({ decision, digest: approval.digest });
  };
  const keys = approval.can_vote && !vote.isPending && !keysOff;
  useKeys({ a: keys ? () => choose("approve") : undefined, d: keys ? () => choose("deny") : undefined });
  const changed = chosen !== undefined && chosen.digest !== approval.digest;
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (chosen === undefined || changed || vote.isPending) return;
    if (chosen.decision === "deny" && note.trim() === "") return setMissing(true);
    const { decision, digest } = chosen;
    vote.mutate(
      { on: { id: approval.id, digest }, decision, reason: note.trim() },
      { onSettled: () => setChosen(undefined), onSuccess: () => setNote("") },
    );
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !event.nativeEvent.isComposing) setChosen(undefined);
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <Stack gap="xs">
      {vote.error === null ? null : <Problem error={vote.error} />}
      {changed ? (
        <Alert color="yellow" title="It has changed while you were deciding" role="alert">
          <Text size="sm">
            Nothing was sent. What is shown now is the new state: look at it again before you decide.
          </Text>
          <Button mt="xs" size="xs" variant="default" onClick={() => setChosen(undefined)}>
            I have seen it
          </Button>
        </Alert>
      ) : null}
      {!approval.can_vote && !vote.isPending ? null : chosen === undefined || changed ? (
        <Group gap="xs">
          <Button color="teal.9" onClick={() => choose("approve")} disabled={changed}>
            Approve
          </Button>
          <Button color="red" variant="light" onClick={() => choose("deny")} disabled={changed}>
            Deny
          </Button>
        </Group>
      ) : (
        <form noValidate onSubmit={send} aria-label={`${words[chosen.decision].ask} this request`}>
          <Stack gap="xs">
            <Textarea
              key={chosen.decision}
              label={words[chosen.decision].note}
              value={note}
              onChange={(event) => {
                setNote(event.currentTarget.value);
                setMissing(false);
              }}
              onKeyDown={onKey}
              error={missing ? "Say why: the requester will read it." : undefined}
              required={chosen.decision === "deny"}
              maxLength={2000}
              autosize
              minRows={2}
              maxRows={8}
              disabled={vote.isPending}
              ref={focusOnce}
            />
            <Group gap="xs">
              <Button type="submit" color={words[chosen.decision].color} loading={vote.isPending}>
                {words[chosen.decision].send}
              </Button>
              <Button variant="default" onClick={() => setChosen(undefined)} disabled={vote.isPending}>
                Back
              </Button>
              <Text size="xs" c="dimmed">
                Enter confirms, Escape goes back.
              </Text>
            </Group>
          </Stack>
        </form>
      )}
    </Stack>
  );
}
