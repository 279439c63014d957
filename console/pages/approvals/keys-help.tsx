import { Kbd, Modal, Stack, Switch, Table, Text } from "@mantine/core";
import { useKeysEnabled } from "./use-keys.ts";

const keys: readonly (readonly [readonly string[], string])[] = [
  [["j", "↓"], "Next request"],
  [["k", "↑"], "Request before"],
  [["Enter"], "Open the request"],
  [["a"], "Approve; Enter confirms"],
  [["d"], "Deny: type the reason, Enter confirms"],
  [["x"], "Select for deciding several at once"],
  [["Esc"], "Back, or select nothing"],
  [["?"], "This list"],
];

/** What the keys of the inbox do. They act on the selected requests when there are any, else on the one shown. */
export function KeysHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [enabled, setEnabled] = useKeysEnabled();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Keys of the inbox"
      size="sm"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack gap="sm">
        <Table withRowBorders={false} verticalSpacing={4} aria-label="Keys">
          <Table.Tbody>
            {keys.map(([names, what]) => (
              <Table.Tr key={what}>
                <Table.Td w={110}>
                  {names.map((name, index) => (
                    <span key={name}>
                      {index === 0 ? "" : " or "}
                      <Kbd>{name}</Kbd>
                    </span>
                  ))}
                </Table.Td>
                <Table.Td>{what}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Text size="sm" c="dimmed">
          With requests selected, a and d decide all of them; without, the one shown. Nothing is sent before you
          confirm.
        </Text>
        <Switch
          label="Single keys act in the inbox"
          checked={enabled}
          onChange={(event) => setEnabled(event.currentTarget.checked)}
        />
      </Stack>
    </Modal>
  );
}
