import { Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Problem } from "../../parts/states.tsx";
import { api, queryClient } from "../../wire/client.ts";

/** Takes back what one has asked for, while nobody has decided on it. */
export function Withdraw({ requestId }: { requestId: string }) {
  const [opened, { open, close }] = useDisclosure();
  const [reason, setReason] = useState("");
  const withdrawing = useMutation({
    mutationFn: () =>
      api.POST("/requests/{request_id}/cancel", {
        params: { path: { request_id: requestId } },
        body: reason.trim() === "" ? {} : { reason: reason.trim() },
      }),
    onSuccess: () => close(),
    onSettled: () => queryClient.invalidateQueries(),
  });
  return (
    <>
      <Button variant="default" onClick={open}>
        Withdraw
      </Button>
      <Modal opened={opened} onClose={close} title="Withdraw this request" closeButtonProps={{ "aria-label": "Close" }}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            withdrawing.mutate();
          }}
        >
          <Stack gap="sm">
            <Text size="sm">Nothing of it will be done. To have it after all, it has to be asked for again.</Text>
            <TextInput
              label="Reason (optional)"
              data-autofocus
              value={reason}
              maxLength={2000}
              onChange={(event) => setReason(event.currentTarget.value)}
            />
            {withdrawing.error === null ? null : <Problem error={withdrawing.error} />}
            <Button type="submit" color="red.9" loading={withdrawing.isPending}>
              Withdraw the request
            </Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
