/** What the stand-in knows about a model. The list is that of the SDK's types; limits on tokens are not modelled. */
export interface Model {
  id: string;
  display_name: string;
  line: "haiku" | "sonnet" | "opus" | "fable" | "mythos";
  lifecycle: "active" | "deprecated" | "retired";
  /** The provider's value for an unknown release date is the epoch. */
  created_at: string;
  retires_at: string | null;
  /** Whether `tool_choice` `any` and `tool` are refused. */
  refusesForcedTools: boolean;
}

const unknownDate = "1970-01-01T00:00:00Z";
const refusesForcedTools = new Set(["claude-opus-5-5", "claude-fable-5-1", "claude-sonnet-5-5"]);

const model = (
  line: Model["line"],
  version: string,
  created_at = unknownDate,
  more: Partial<Pick<Model, "lifecycle" | "retires_at">> = {},
): Model => {
  const id = `claude-${line}-${version.replaceAll(".", "-")}`;
  return {
    id,
    display_name: `Claude ${line.charAt(0).toUpperCase()}${line.slice(1)} ${version}`,
    line,
    lifecycle: "active",
    created_at,
    retires_at: null,
    refusesForcedTools: refusesForcedTools.has(id),
    ...more,
  };
};

/** Newest first, as the list endpoint answers. */
export const models: readonly Model[] = [
  model("fable", "5.2"),
  model("mythos", "5.2"),
  model("haiku", "5.5", "2026-10-07T00:00:00Z"),
  model("sonnet", "5.5", "2026-09-28T00:00:00Z"),
  model("opus", "5.5", "2026-09-22T00:00:00Z"),
  model("fable", "5.1"),
  model("mythos", "5.1"),
  model("sonnet", "5"),
  model("fable", "5"),
  model("mythos", "5"),
  model("opus", "5"),
  model("opus", "4.8"),
  model("opus", "4.7"),
  model("mythos", "preview", unknownDate, { lifecycle: "retired", retires_at: "2026-06-30T00:00:00Z" }),
  model("opus", "4.6"),
  model("sonnet", "4.6"),
  model("opus", "4.5", "2025-11-01T00:00:00Z"),
  model("haiku", "4.5", "2025-10-01T00:00:00Z"),
  model("sonnet", "4.5", "2025-09-29T00:00:00Z", { lifecycle: "deprecated", retires_at: "2026-11-30T00:00:00Z" }),
];

/** The model of an id, with or without a date at its end; undefined when there is none. */
export function findModel(id: string): Model | undefined {
  const undated = id.replace(/-\d{8}$/, "");
  return models.find((known) => known.id === undated);
}

/** A model as the models endpoint shows it. What is not known of it is null. */
export function modelInfo(model: Model): Record<string, unknown> {
  const { refusesForcedTools: _, ...known } = model;
  return {
    type: "model",
    ...known,
    deprecated_at: null,
    capabilities: null,
    max_input_tokens: null,
    max_tokens: null,
  };
}
