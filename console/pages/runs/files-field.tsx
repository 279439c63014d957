import { Alert, Button, FileButton, Group, Stack, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { count } from "../../../core/text/figures.ts";
import { Section } from "../../parts/section.tsx";
import { bodyOfRun, type RunDraft } from "./run-draft.ts";
import { encoded, faultOfPath, type UploadedFile, whatFits, workspacePath } from "./upload.ts";

type LeftOut = readonly { path: string; why: string }[];

/** No single file may be larger, bytes: reading it would be for nothing. */
const largest = 1_000_000;

/** What the workspace begins with: files, or a folder, as far as one request holds them. */
export function FilesField({ draft, onChange }: { draft: RunDraft; onChange: (part: Partial<RunDraft>) => void }) {
  const [leftOut, setLeftOut] = useState<LeftOut>([]);
  const reset = useRef<() => void>(null);
  const take = async (chosen: readonly File[]) => {
    const { files, leftOut: out } = await read(chosen, draft);
    setLeftOut(out);
    onChange({ files });
    reset.current?.();
  };
  return (
    <Section title="Files">
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          The agents work in a directory of their own. It begins empty, or with what you choose here: up to 2,000 files,
          1 MiB together. Folders named .git and node_modules are left out.
        </Text>
        <Group gap="xs">
          <FileButton resetRef={reset} multiple onChange={(files) => void take(files)}>
            {(props) => (
              <Button {...props} variant="default">
                Choose files
              </Button>
            )}
          </FileButton>
          <FileButton
            resetRef={reset}
            multiple
            onChange={(files) => void take(files)}
            inputProps={{ webkitdirectory: "" } as Record<string, string>}
          >
            {(props) => (
              <Button {...props} variant="default">
                Choose a folder
              </Button>
            )}
          </FileButton>
          {draft.files.length === 0 ? null : (
            <Button variant="subtle" onClick={() => onChange({ files: [] })}>
              Take none
            </Button>
          )}
        </Group>
        <Chosen files={draft.files} />
        {leftOut.length === 0 ? null : (
          <Alert color="yellow" title={`${count(leftOut.length)} left out`} role="status">
            {leftOut.slice(0, 20).map(({ path, why }) => (
              <Text size="sm" key={path} style={{ overflowWrap: "anywhere" }}>
                {path} {why}
              </Text>
            ))}
          </Alert>
        )}
      </Stack>
    </Section>
  );
}

function Chosen({ files }: { files: readonly UploadedFile[] }) {
  if (files.length === 0) return null;
  return (
    <div role="status">
      <Text size="sm">
        {count(files.length)} {files.length === 1 ? "file" : "files"}
      </Text>
      <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
        {files
          .slice(0, 12)
          .map(({ path }) => path)
          .join(", ")}
        {files.length > 12 ? " …" : ""}
      </Text>
    </div>
  );
}

async function read(chosen: readonly File[], draft: RunDraft) {
  const found: UploadedFile[] = [];
  const leftOut: { path: string; why: string }[] = [];
  for (const file of chosen) {
    const path = workspacePath(file);
    const fault = faultOfPath(path) ?? (file.size > largest ? "is too large" : undefined);
    if (fault === undefined) found.push(encoded(path, new Uint8Array(await file.arrayBuffer())));
    else leftOut.push({ path, why: fault });
  }
  const others = new Blob([JSON.stringify(bodyOfRun({ ...draft, files: [] }))]).size;
  const fitting = whatFits(found, others);
  return { files: fitting.files, leftOut: [...leftOut, ...fitting.leftOut] };
}
