import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { Problem } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { isOver } from "./run-state.ts";
import { type Order, useTell } from "./use-tell.ts";

/** Pauses a run, lets it go on, or ends it, and says what the server made of that. */
export function RunControls({ run }: { run: Shown["RunDetail"] }) {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const may = useMay();
  const [asking, { open, close }] = useDisclosure();
  const tell = useTell(run.id);
  const mine = me.data?.principal_id === run.requester_id;
  if (isOver(run.status) || !(mine || may("run:control", run.ou_path))) return null;
  const busy = (order: Order) => tell.isPending && tell.variables?.order === order;
  return (
    <Stack gap={4} align="flex-end">
      <Group gap="xs" justify="flex-end">
        {run.status === "paused" ? (
          <Button loading={busy("resume")} onClick={() => tell.mutate({ order: "resume" })}>
            Resume
          </Button>
        ) : (
          <Button variant="default" loading={busy("pause")} onClick={() => tell.mutate({ order: "pause" })}>
            Pause
          </Button>
        )}
        <Button variant="default" onClick={open}>
          Cancel…
        </Button>
      </Group>
      {tell.error === null ? null : <Problem error={tell.error} />}
      <Text size="xs" c="dimmed" role="status" ta="right">
        {tell.isSuccess ? accepted[tell.variables.order] : ""}
      </Text>
      <Modal opened={asking} onClose={close} title="Cancel this run" closeButtonProps={{ "aria-label": "Close" }}>
        <CancelForm
          busy={busy("cancel")}
          onCancel={(reason) => {
            tell.mutate({ order: "cancel", ...(reason === "" ? {} : { reason }) });
            close();
          }}
        />
      </Modal>
    </Stack>
  );
}

const accepted: Readonly<Record<Order, string>> = {
  pause: "Taken: it pauses before its next step.",
  resume: "Taken: it goes on.",
  cancel: "Taken: it ends, and its subagents with it.",
};

function CancelForm({ busy, onCancel }: { busy: boolean; onCancel: (reason: string) => void }) {
  const [reason, setReason] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onCancel(reason.trim());
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Text size="sm">
          The run and its subagents end. What it holds of budgets is given back, and what waits for people is withdrawn.
        </Text>
        <TextInput
          label="Reason"
          description="For the audit trail; may be left out"
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button type="submit" color="red.9" loading={busy}>
            Cancel the run
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
