import { Anchor, Button, Code, Group, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Problem } from "../../parts/states.tsx";
import { $api, api, queryClient } from "../../wire/client.ts";
import { counted } from "./counted.ts";
import { VerdictShown } from "./verdict-shown.tsx";

/** Whether the chain of entries is intact: as it was found last, now, or by whoever takes it away. */
export function Proof() {
  const verified = $api.useQuery("get", "/audit/verified", {});
  const verifying = useMutation({
    mutationFn: async () => (await api.GET("/audit/verify", {})).data,
    onSettled: () => queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === "/audit/verified" }),
  });
  const last = verified.data?.verdict ?? undefined;
  const verdict = verifying.data ?? last;
  const entries = verified.data?.entries;
  return (
    <Section
      title="Chain"
      actions={
        <Group gap="sm">
          <Anchor href="/audit/export" download="powerloom-audit.jsonl" size="sm">
            Export
          </Anchor>
          <Button size="xs" variant="default" loading={verifying.isPending} onClick={() => verifying.mutate()}>
            Verify now
          </Button>
        </Group>
      }
    >
      <Stack gap="sm">
        {verifying.isPending ? (
          <Text size="sm" role="status">
            Every entry is being hashed anew and compared{entries === undefined ? "" : `: ${counted(entries)}`}.
          </Text>
        ) : verifying.error === null && verdict !== undefined ? (
          <VerdictShown verdict={verdict} />
        ) : null}
        {verifying.error === null ? null : <Problem error={verifying.error} />}
        {verified.error === null ? null : <Problem error={verified.error} />}
        <Text size="sm" c="dimmed">
          {last === undefined ? (
            "It has not been verified yet."
          ) : (
            <>
              Last verified <Moment at={last.at} /> by {last.by_email}
              {entries !== undefined && entries > last.entries && last.intact
                ? `; ${counted(entries - last.entries)} since`
                : ""}
              .
            </>
          )}{" "}
          To check it without trusting this server, export it and run <Code>powerloom audit verify FILE</Code> on a
          machine of your own.
        </Text>
      </Stack>
    </Section>
  );
}
