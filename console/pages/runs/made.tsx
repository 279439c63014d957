import { Accordion, Anchor, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { count } from "../../../core/text/figures.ts";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";

/** What a run that is over has answered, and what it has made of its files. */
export function Made({ run }: { run: Shown["RunDetail"] }) {
  return (
    <>
      <Section title="Answer">
        {run.output === null ? (
          <Text size="sm" c="dimmed">
            It gave none.
          </Text>
        ) : (
          <Block block={textOf(run.output)} />
        )}
      </Section>
      <Section title="What it made">
        {run.parent_run_id === null ? (
          <Files runId={run.id} />
        ) : (
          <Text size="sm">
            All agents of a run share one workspace:{" "}
            <Anchor underline="always" component={Link} to={`/runs/${run.root_run_id}`} inherit>
              what was made is on the page of the whole run
            </Anchor>
            .
          </Text>
        )}
      </Section>
    </>
  );
}

function Files({ runId }: { runId: string }) {
  const query = $api.useQuery("get", "/runs/{run_id}/files", { params: { path: { run_id: runId } } });
  return (
    <Loaded query={query} lines={2}>
      {({ data }) => {
        const changed = data.filter(({ change }) => change !== "same");
        if (changed.length === 0)
          return (
            <Text size="sm" c="dimmed">
              {data.length === 0 ? "Its workspace was empty, and is." : "It changed none of its files."}
            </Text>
          );
        return (
          <Stack gap="xs">
            <Accordion variant="contained" chevronPosition="left" order={3}>
              {changed.slice(0, 200).map((file) => (
                <File key={file.path} file={file} />
              ))}
            </Accordion>
            <Text size="xs" c="dimmed">
              {count(changed.length)} of {count(data.length)} {data.length === 1 ? "file" : "files"} are not as they
              were.
            </Text>
          </Stack>
        );
      }}
    </Loaded>
  );
}

function File({ file }: { file: Shown["RunFile"] }) {
  return (
    <Accordion.Item value={file.path}>
      <Accordion.Control>
        <Text size="sm" component="span" ff="monospace" style={{ overflowWrap: "anywhere" }}>
          {file.path}
        </Text>{" "}
        <Status value={file.change} />{" "}
        <Text size="xs" c="dimmed" component="span">
          {count(file.bytes)} bytes
        </Text>
      </Accordion.Control>
      <Accordion.Panel>
        {file.content === null ? (
          <Text size="sm" c="dimmed">
            Its content is gone with it.
          </Text>
        ) : file.encoding === "base64" ? (
          <Text size="sm" c="dimmed">
            This is no text. The API (/runs/…/files) gives it as base64.
          </Text>
        ) : (
          <Block block={file.content} maxHeight={480} />
        )}
      </Accordion.Panel>
    </Accordion.Item>
  );
}
