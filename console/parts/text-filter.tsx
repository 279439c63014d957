import { CloseButton, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";

const pauseMs = 250;

/** A field that narrows a list: what is typed counts once the typing pauses. */
export function TextFilter({
  label,
  placeholder = label,
  value,
  onChange,
  type = "search",
  labelled = false,
}: {
  label: string;
  placeholder?: string;
  /** What the list is narrowed by now. */
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  type?: "search" | "datetime-local";
  /** The label stands above the field; otherwise it is the placeholder. */
  labelled?: boolean;
}) {
  const [typed, setTyped] = useState(value ?? "");
  const told = useRef(value);
  const tell = (next: string) => {
    told.current = next.trim() === "" ? undefined : next.trim();
    onChange(told.current);
  };
  const settle = useDebouncedCallback(tell, pauseMs);
  // The address may change by other ways: back, a tab, a link. What comes back of our own must not undo what was typed since.
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setTyped(value ?? "");
  }, [value]);
  return (
    <TextInput
      size="sm"
      type={type === "search" ? "text" : type}
      inputMode={type === "search" ? "search" : undefined}
      {...(labelled ? { label } : { "aria-label": label, title: label })}
      placeholder={placeholder}
      maxLength={200}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        settle(event.currentTarget.value);
      }}
      {...(type === "search" ? {} : { step: 1, leftSection: <Text size="xs">{label}</Text>, leftSectionWidth: 56 })}
      rightSection={
        typed === "" || type !== "search" ? null : (
          <CloseButton
            size="sm"
            aria-label={`Clear: ${label}`}
            onClick={() => {
              settle.cancel();
              setTyped("");
              tell("");
            }}
          />
        )
      }
    />
  );
}
