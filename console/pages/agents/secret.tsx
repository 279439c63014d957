import { Alert, Button, Code, CopyButton, Group, Modal, Stack } from "@mantine/core";

/** A secret, this once: it is in this dialog and nowhere else. */
export function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title="The secret, this once"
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack>
        <Alert color="yellow" title="Keep it now">
          It is not shown again, and nobody can look it up. Who loses it makes a new one. The agent has its own copy
          already.
        </Alert>
        <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }} aria-label="Secret">
          {secret}
        </Code>
        <Group justify="flex-end">
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? "Copied" : "Copy"}
              </Button>
            )}
          </CopyButton>
          <Button onClick={onClose}>I have kept it</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
