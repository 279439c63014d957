import { Button, Group, Stack, Text, Textarea, UnstyledButton } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { Section } from "../../parts/section.tsx";
import { Problem } from "../../parts/states.tsx";
import { api, type Shown } from "../../wire/client.ts";
import classes from "./talk.module.css";

/** What one may say to the meta-agent, for those who see it for the first time. */
const examples = [
  "Set up a code review agent for the engineering team.",
  "Create a PostgreSQL analysis agent for the platform team. It should use the pg-analytics MCP server and the sql-review skill.",
  "What agents and MCP servers already exist in the engineering OU?",
  "Set up a scoped sales-prospecting agent for Emma on the sales team with Apollo and Gmail access.",
];

/** Where a conversation with an agent begins: what is said opens a session. */
export function Talk({ agent }: { agent: Shown["Agent"] }) {
  const [prompt, setPrompt] = useState("");
  const navigate = useNavigate();
  const box = useRef<HTMLTextAreaElement>(null);
  const hash = useRouterState({ select: (state) => state.location.hash });
  useEffect(() => {
    if (hash === "talk") box.current?.focus();
  }, [hash]);
  // One key for one conversation: sent twice, one is opened.
  const key = useRef(crypto.randomUUID());
  const opening = useMutation({
    mutationFn: () =>
      api.POST("/agents/{agent_id}/invoke", {
        params: { path: { agent_id: agent.id }, header: { "Idempotency-Key": key.current } },
        body: { prompt: prompt.trim(), mode: "fire_and_forget" },
      }),
    onSuccess: async ({ data }) => {
      if (data !== undefined) await navigate({ to: "/sessions/$sessionId", params: { sessionId: data.session_id } });
    },
  });
  const say = (text: string) => {
    key.current = crypto.randomUUID();
    opening.reset();
    setPrompt(text);
  };
  const open = () => {
    if (prompt.trim() !== "" && !opening.isPending) opening.mutate();
  };
  return (
    <Section title="Talk to it">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          open();
        }}
      >
        <Stack gap="xs">
          <Textarea
            ref={box}
            aria-label="What do you need?"
            placeholder="What do you need?"
            autosize
            minRows={2}
            maxRows={10}
            value={prompt}
            onChange={(event) => say(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              open();
            }}
          />
          {opening.error === null ? null : <Problem error={opening.error} />}
          <Group justify="space-between" gap="xs">
            <Text size="xs" c="dimmed">
              It acts with your rights, and no others.
            </Text>
            <Button type="submit" loading={opening.isPending} disabled={prompt.trim() === ""}>
              Open a session
            </Button>
          </Group>
          {agent.name === "powerloom-meta" ? (
            <div>
              <Text size="xs" c="dimmed" mb={4}>
                For example:
              </Text>
              <Stack gap={4}>
                {examples.map((example) => (
                  <UnstyledButton
                    key={example}
                    className={classes["example"] ?? ""}
                    onClick={() => {
                      say(example);
                      box.current?.focus();
                    }}
                  >
                    {example}
                  </UnstyledButton>
                ))}
              </Stack>
            </div>
          ) : null}
        </Stack>
      </form>
    </Section>
  );
}
