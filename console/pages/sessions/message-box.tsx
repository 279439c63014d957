import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type KeyboardEvent, useRef, useState } from "react";
import { Problem } from "../../parts/states.tsx";
import { api } from "../../wire/client.ts";

/** Where the person a session acts for says something more. */
export function MessageBox({
  sessionId,
  off,
  onSent,
}: {
  sessionId: string;
  /** Why nothing can be said; undefined when it can. */
  off: string | undefined;
  onSent: (text: string) => void;
}) {
  const [text, setText] = useState("");
  // One key for one message: sent twice, it is said once.
  const key = useRef(crypto.randomUUID());
  const sending = useMutation({
    mutationFn: (words: string) =>
      api.POST("/sessions/{session_id}/messages", {
        params: { path: { session_id: sessionId }, header: { "Idempotency-Key": key.current } },
        body: { text: words },
      }),
    onSuccess: (_answer, words) => {
      key.current = crypto.randomUUID();
      setText("");
      onSent(words);
    },
  });
  const say = () => {
    if (text.trim() !== "" && !sending.isPending && off === undefined) sending.mutate(text.trim());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    say();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <Stack gap={6}>
        {sending.error === null ? null : <Problem error={sending.error} />}
        {off === undefined ? (
          <Group gap="xs" align="flex-end" wrap="nowrap">
            <Textarea
              aria-label="Message"
              placeholder="Say something. Enter sends, Shift+Enter begins a new line."
              autosize
              minRows={1}
              maxRows={8}
              value={text}
              onChange={(event) => {
                if (sending.error !== null) sending.reset();
                key.current = crypto.randomUUID();
                setText(event.currentTarget.value);
              }}
              onKeyDown={onKeyDown}
              readOnly={sending.isPending}
              style={{ flex: 1 }}
            />
            <Button type="submit" loading={sending.isPending} disabled={text.trim() === ""}>
              Send
            </Button>
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            {off}
          </Text>
        )}
      </Stack>
    </form>
  );
}
