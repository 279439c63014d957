import { Modal } from "@mantine/core";
import type { ComponentProps } from "react";
import { OperationForm } from "../../forms/operation-form.tsx";

/** A governed mutation asked for in a dialog. It stays open while the mutation waits for approval, to say so. */
export function OperationModal({
  title,
  onClose,
  onApplied,
  ...form
}: { title: string; onClose: () => void } & ComponentProps<typeof OperationForm>) {
  return (
    <Modal opened onClose={onClose} title={title} size="lg">
      <OperationForm
        {...form}
        onApplied={(result) => {
          onClose();
          onApplied(result);
        }}
      />
    </Modal>
  );
}
