import { Code } from "@mantine/core";

/** Anything the API may hold, as text. Never as markup: names, prompts and results are other people's words. */
export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined || value === "") return <>–</>;
  if (typeof value === "string" && !value.includes("\n"))
    return <span style={{ overflowWrap: "anywhere" }}>{value}</span>;
  if (typeof value === "number" || typeof value === "boolean") return <>{String(value)}</>;
  return <Text block={textOf(value)} />;
}

/** A text, or JSON, that keeps its lines. */
export function Text({ block, maxHeight = 320 }: { block: string; maxHeight?: number }) {
  return (
    <Code block tabIndex={0} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere", maxHeight, overflowY: "auto" }}>
      {block}
    </Code>
  );
}

/** A value as text: strings as they are, everything else as indented JSON. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}
