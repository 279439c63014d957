import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { Problem } from "../../parts/states.tsx";
import { api, queryClient } from "../../wire/client.ts";

/** Interrupting a session, and ending it, which is asked again. */
export function Controls({
  sessionId,
  busy,
}: {
  sessionId: string /** Whether there is something to interrupt. */;
  busy: boolean;
}) {
  const [asking, { open, close }] = useDisclosure();
  const params = { params: { path: { session_id: sessionId } } };
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["get", "/sessions/{session_id}"] });
  const interrupt = useMutation({
    mutationFn: () => api.POST("/sessions/{session_id}/interrupt", params),
    onSuccess: refresh,
  });
  const { reset } = interrupt;
  // It has been heard, or there is nothing any more that it was meant for.
  useEffect(() => {
    if (!busy) reset();
  }, [busy, reset]);
  const end = useMutation({
    mutationFn: () => api.POST("/sessions/{session_id}/end", { ...params, body: {} }),
    onSuccess: async () => {
      await refresh();
      close();
    },
  });
  return (
    <Group gap="xs">
      {interrupt.error === null ? null : <Problem error={interrupt.error} />}
      {interrupt.isSuccess ? (
        <Text size="xs" c="dimmed" role="status">
          Told to stop
        </Text>
      ) : null}
      <Button
        size="xs"
        variant="default"
        disabled={!busy}
        loading={interrupt.isPending}
        onClick={() => interrupt.mutate()}
      >
        Interrupt
      </Button>
      <Button size="xs" variant="light" color="red" onClick={open}>
        End
      </Button>
      <Modal opened={asking} onClose={close} title="End this session?">
        <Stack>
          <Text size="sm">
            Its access ends at once, its credentials are destroyed, and nothing more can be said in it. What has been
            said stays readable.
          </Text>
          {end.error === null ? null : <Problem error={end.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Keep it open
            </Button>
            <Button color="red" loading={end.isPending} onClick={() => end.mutate()}>
              End the session
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Group>
  );
}
