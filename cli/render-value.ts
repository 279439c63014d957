import type { Paint } from "./paint.ts";
import { asText, printable } from "./printable.ts";
import { isDiff, renderDiff } from "./render-diff.ts";
import { renderTable } from "./render-table.ts";

type Fields = Record<string, unknown>;

/** An answer of the API for people: a table for a list, `key: value` lines for one thing. */
export function renderAnswer(name: string, body: unknown, paint: Paint): string[] {
  if (!isFields(body)) return [printable(String(body))];
  const { data } = body;
  if (!Array.isArray(data)) return renderFields(body, paint);
  const next = body["next_cursor"];
  const more = typeof next === "string" ? [paint("dim", `More: --cursor ${printable(next)}`)] : [];
  return [...renderTable(name, data as Fields[], paint), ...more];
}

/** `key: value` lines, nested things indented below their key. */
export function renderFields(fields: Fields, paint: Paint, indent = ""): string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const label = `${indent}${paint("cyan", `${printable(key)}:`)}`;
    const nested = below(value, paint, `${indent}  `);
    return nested === undefined ? [`${label} ${plain(value)}`] : [label, ...nested];
  });
}

function below(value: unknown, paint: Paint, indent: string): string[] | undefined {
  if (isDiff(value)) return renderDiff(value, paint).map((line) => indent + line);
  if (typeof value === "string" && value.includes("\n"))
    return printable(value.trimEnd())
      .split("\n")
      .map((line) => indent + line);
  if (Array.isArray(value) && value.some((item) => isFields(item)))
    return value.flatMap((item) =>
      (isFields(item) ? renderFields(item, paint) : [plain(item)]).map(
        (line, at) => `${indent}${at === 0 ? "- " : "  "}${line}`,
      ),
    );
  if (isFields(value) && Object.keys(value).length > 0) return renderFields(value, paint, indent);
  return undefined;
}

function plain(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map(plain).join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return printable(asText(value));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
