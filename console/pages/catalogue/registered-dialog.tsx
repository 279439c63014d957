import { Alert, Button, Code, CopyButton, Group, Modal, Stack, Text } from "@mantine/core";

export interface Registered {
  id: string;
  name: string;
  /** Undefined: it was told before, and is told once. */
  secret: string | undefined;
}

/** The secret of a server that was just registered: shown here and nowhere else, and gone when this is closed. */
export function RegisteredDialog({ registered, onClose }: { registered: Registered | undefined; onClose: () => void }) {
  return (
    <Modal
      opened={registered !== undefined}
      onClose={onClose}
      title={`${registered?.name ?? ""} is registered`}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack gap="sm">
        {registered?.secret === undefined ? (
          <Text size="sm">Its secret was shown when it was registered.</Text>
        ) : (
          <>
            <Text size="sm">
              With these the server asks Powerloom whether a token it was shown is good (RFC 7662 introspection). It can
              also do without.
            </Text>
            <Value label="Client id" value={registered.id} />
            <Value label="Client secret" value={registered.secret} />
            <Alert color="yellow" title="The secret is shown this once">
              Powerloom keeps only its hash. Put it where the server finds it before you close this.
            </Alert>
          </>
        )}
        <Group justify="flex-end">
          <Button onClick={onClose}>I have it</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function Value({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {label}
      </Text>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <Code block style={{ flex: 1, minWidth: 0, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {value}
        </Code>
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy} aria-label={`Copy ${label.toLowerCase()}`}>
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
      </Group>
    </div>
  );
}
