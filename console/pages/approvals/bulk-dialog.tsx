import { Anchor, Button, Group, Modal, Progress, Stack, Text, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { Status } from "../../parts/status.tsx";
import { type Outcome, voteOnEach } from "./bulk.ts";
import classes from "./bulk-dialog.module.css";
import type { Approval } from "./use-approval-list.ts";
import { refreshDecisions } from "./vote.ts";

/** Decides several requests, each by a vote of its own, and says of each what became of it. */
export function BulkDialog({
  decision,
  approvals,
  onDone,
  onClose,
}: {
  decision: "approve" | "deny";
  approvals: readonly Approval[];
  /** These have been decided. */
  onDone: (ids: readonly string[]) => void;
  onClose: () => void;
}) {
  // What was selected when the dialog opened: nothing that comes later is decided with it.
  const [chosen] = useState(approvals);
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const voting = useMutation({
    mutationFn: () =>
      voteOnEach(chosen, { decision, reason: reason.trim() }, (outcome) =>
        setOutcomes((before) => new Map(before).set(outcome.approval.id, outcome)),
      ),
    onSettled: () => refreshDecisions(),
  });
  const refused = [...outcomes.values()].filter(({ kind }) => kind === "refused");
  const close = () => {
    onDone([...outcomes.values()].filter(({ kind }) => kind === "done").map(({ approval }) => approval.id));
    onClose();
  };
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (decision === "deny" && reason.trim() === "") return setMissing(true);
    voting.mutate();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const verb = decision === "approve" ? "Approve" : "Deny";
  const many = `${chosen.length} ${chosen.length === 1 ? "request" : "requests"}`;
  return (
    <Modal
      opened
      onClose={close}
      title={`${verb} ${many}`}
      size="lg"
      closeButtonProps={{ "aria-label": "Close" }}
      closeOnClickOutside={voting.isIdle}
      closeOnEscape={!voting.isPending}
      withCloseButton={!voting.isPending}
    >
      <Stack gap="sm">
        {voting.isIdle ? (
          <form noValidate onSubmit={send}>
            <Textarea
              label={decision === "deny" ? "Reason (the requesters read it)" : "Comment (optional)"}
              data-autofocus
              value={reason}
              onChange={(event) => {
                setReason(event.currentTarget.value);
                setMissing(false);
              }}
              onKeyDown={onKey}
              required={decision === "deny"}
              error={missing ? "Say why: the requesters will read it." : undefined}
              maxLength={2000}
              autosize
              minRows={2}
              maxRows={6}
            />
            <Group gap="xs" mt="sm">
              <Button type="submit" color={decision === "approve" ? "teal.9" : "red.9"}>
                {verb} {many}
              </Button>
              <Text size="xs" c="dimmed">
                Enter confirms. Each gets a vote of its own; one that is refused stops no other.
              </Text>
            </Group>
          </form>
        ) : (
          <>
            <Progress
              value={(outcomes.size / chosen.length) * 100}
              aria-label={`${outcomes.size} of ${chosen.length} answered`}
            />
            <Text size="sm" role="status">
              {voting.isPending
                ? `${outcomes.size} of ${chosen.length} answered`
                : `${outcomes.size - refused.length} done, ${refused.length} refused.`}
            </Text>
          </>
        )}
        <ul className={classes["outcomes"]} aria-label="The requests">
          {[
            ...refused.map(({ approval }) => approval),
            ...chosen.filter(({ id }) => outcomes.get(id)?.kind !== "refused"),
          ].map((approval) => (
            <Line key={approval.id} outcome={outcomes.get(approval.id) ?? { approval, kind: "waiting" }} />
          ))}
        </ul>
        {voting.isIdle || voting.isPending ? null : (
          <Group justify="flex-end">
            <Button onClick={close}>Close</Button>
          </Group>
        )}
      </Stack>
    </Modal>
  );
}

function Line({ outcome }: { outcome: Outcome }) {
  const { approval } = outcome;
  return (
    <li>
      <div>
        <Anchor component={Link} to={`/approvals/${approval.id}`} target="_blank" size="sm">
          {approval.diff.summary}
        </Anchor>
        {outcome.kind === "refused" ? (
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {outcome.problem.message}
          </Text>
        ) : null}
      </div>
      {outcome.kind === "done" ? <Status value={outcome.after.status} /> : null}
      {outcome.kind === "refused" ? <Status value="refused" /> : null}
    </li>
  );
}
