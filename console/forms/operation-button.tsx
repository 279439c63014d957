import { Button, type ButtonProps, Modal, Text } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import type { ReactNode } from "react";
import { OperationForm } from "./operation-form.tsx";

/** A button that opens the form of a governed mutation, and closes it when that has been done. */
export function OperationButton({
  label,
  title,
  explanation,
  onApplied,
  button,
  accessibleLabel,
  ...form
}: Omit<Parameters<typeof OperationForm>[0], "onApplied"> & {
  label: ReactNode;
  /** Heading of the form. */
  title: string;
  /** What it does, in a sentence. */
  explanation?: ReactNode;
  onApplied?: (result: Readonly<Record<string, unknown>>) => void;
  button?: ButtonProps;
  /** Where several buttons have the same label: which one this is. */
  accessibleLabel?: string;
}) {
  const [opened, { open, close }] = useDisclosure();
  const narrow = useMediaQuery("(max-width: 48em)");
  return (
    <>
      <Button {...button} onClick={open} {...(accessibleLabel === undefined ? {} : { "aria-label": accessibleLabel })}>
        {label}
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title={title}
        size="xl"
        fullScreen={narrow}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {explanation === undefined ? null : (
          <Text size="sm" c="dimmed" mb="sm">
            {explanation}
          </Text>
        )}
        <OperationForm
          {...form}
          onApplied={(result) => {
            close();
            onApplied?.(result);
          }}
        />
      </Modal>
    </>
  );
}
