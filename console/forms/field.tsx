import { JsonInput, NumberInput, Select, Switch, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { CommandParameter } from "../../contracts/generated/commands.ts";
import { ReferenceSelect } from "./reference-select.tsx";
import { referenceOf } from "./references.ts";

/** Texts of several lines. */
const longTexts: ReadonlySet<string> = new Set(["system_prompt", "content", "description", "reason"]);

const words = (name: string) => {
  const text = name.replace(/_id$/, "").replaceAll("_", " ");
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return whole.replace(/\b(ou|mcp|usd|url)\b/gi, (part) => part.toUpperCase());
};

/** A time as the reader's clock has it; the API is told it in UTC. */
function TimeField({
  value,
  onChange,
  ...input
}: {
  label: string;
  error: string | undefined;
  value: string;
  onChange: (value: unknown) => void;
}) {
  const [typed, setTyped] = useState(() => (value === "" ? "" : localTime(new Date(value))));
  return (
    <TextInput
      {...input}
      description="In your time zone. Left empty: without an end"
      type="datetime-local"
      value={typed}
      onChange={(event) => {
        const { value: next } = event.currentTarget;
        setTyped(next);
        const at = new Date(next);
        // Years of six digits can be typed; what is no time is told as it stands.
        onChange(next === "" ? undefined : Number.isNaN(at.getTime()) ? next : at.toISOString());
      }}
    />
  );
}

/** `2026-11-21T09:30` in the reader's zone. */
function localTime(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A number; half-typed (`-`) it stays a text, which the API refuses: as a number it would be sent as null, for no limit. */
function numberIn(typed: number | string): number | string {
  return Number.isFinite(Number(typed)) ? Number(typed) : typed;
}

/** One field of an operation: the control that fits its type, or a choice of what exists. */
export function Field({
  parameter,
  label = words(parameter.name),
  value,
  error,
  onChange,
}: {
  parameter: CommandParameter;
  label?: string;
  value: unknown;
  error: string | undefined;
  onChange: (value: unknown) => void;
}) {
  const common = {
    label,
    description: parameter.description,
    error,
    required: parameter.required,
    // What is missing is said by the API, beside the field.
    withAsterisk: parameter.required,
    name: parameter.name,
  };
  const text = typeof value === "string" ? value : "";
  const reference = referenceOf(parameter);
  if (reference !== undefined)
    return <ReferenceSelect {...common} reference={reference} value={text} onChange={onChange} />;
  if (parameter.enum !== undefined)
    return (
      <Select
        {...common}
        data={[...parameter.enum]}
        value={text === "" ? null : text}
        onChange={(next) => onChange(next ?? undefined)}
        clearable={!parameter.required}
        allowDeselect={false}
      />
    );
  switch (parameter.type) {
    case "boolean":
      return (
        <Switch
          label={label}
          description={parameter.description}
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case "integer":
    case "number":
      return (
        <NumberInput
          {...common}
          value={typeof value === "number" || typeof value === "string" ? value : ""}
          onChange={(next) => onChange(next === "" ? (parameter.nullable === true ? null : undefined) : numberIn(next))}
          allowDecimal={parameter.type === "number"}
          thousandSeparator=" "
          placeholder={parameter.nullable === true ? "none" : ""}
        />
      );
    case "array":
      return (
        <TagsInput
          {...common}
          value={Array.isArray(value) ? value.map(String) : []}
          onChange={(next) => onChange(next)}
        />
      );
    case "object":
      return (
        <JsonInput
          {...common}
          formatOnBlur
          autosize
          minRows={3}
          defaultValue={value === undefined ? "" : JSON.stringify(value, null, 2)}
          onChange={(next) => {
            try {
              onChange(next === "" ? undefined : JSON.parse(next));
            } catch {
              // Half-typed: never what stood there before. The API says what is wrong with a text.
              onChange(next);
            }
          }}
        />
      );
    case "string":
      if (parameter.name.endsWith("_at")) return <TimeField {...common} value={text} onChange={onChange} />;
      return longTexts.has(parameter.name) ? (
        <Textarea
          {...common}
          autosize
          minRows={3}
          maxRows={16}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      ) : (
        <TextInput {...common} value={text} onChange={(event) => onChange(event.currentTarget.value)} />
      );
  }
}
