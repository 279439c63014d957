import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { Section } from "../../parts/section.tsx";
import { Problem } from "../../parts/states.tsx";
import { $api, api, type Shown } from "../../wire/client.ts";
import { isOver } from "./run-state.ts";

/** Words to a run that goes on; only the person it acts for has any. */
export function Say({ run }: { run: Shown["RunDetail"] }) {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const [text, setText] = useState("");
  const key = useRef(crypto.randomUUID());
  const say = useMutation({
    mutationFn: (said: string) =>
      api.POST("/runs/{run_id}/messages", {
        params: { path: { run_id: run.id }, header: { "Idempotency-Key": key.current } },
        body: { text: said },
      }),
    onSuccess: () => {
      key.current = crypto.randomUUID();
      setText("");
    },
  });
  if (isOver(run.status) || me.data?.principal_id !== run.requester_id) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") say.mutate(text);
  };
  return (
    <Section title="Say something to it">
      <form onSubmit={submit}>
        <Stack gap="xs">
          <Textarea
            label="Message"
            description={`${run.agent} reads it before its next answer`}
            value={text}
            onChange={(event) => {
              setText(event.currentTarget.value);
              key.current = crypto.randomUUID();
            }}
            autosize
            minRows={2}
            maxRows={8}
          />
          {say.error === null ? null : <Problem error={say.error} />}
          <Group justify="space-between">
            <Text size="sm" c="dimmed" role="status">
              {say.isSuccess && text === "" ? "Taken. It is among what happened once the agent has heard it." : ""}
            </Text>
            <Button type="submit" loading={say.isPending} disabled={text.trim() === ""}>
              Send
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
