import { Text } from "@mantine/core";
import { lineDiff } from "../../core/text/line-diff.ts";
import classes from "./diff.module.css";
import { textOf } from "./value.tsx";

type Fields = Readonly<Record<string, unknown>> | null;

const signs = { same: " ", added: "+", removed: "−" } as const;
const spoken = { same: "", added: "added: ", removed: "removed: " } as const;

/** What would change, or has, field by field: what was, what is to be. Fields that stay are not shown. */
export function Diff({ before, after }: { before: Fields; after: Fields }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const changed = names.filter((name) => textOf(before?.[name] ?? null) !== textOf(after?.[name] ?? null));
  if (changed.length === 0)
    return (
      <Text size="sm" c="dimmed">
        No field changes.
      </Text>
    );
  return (
    <div className={classes["diff"]}>
      {changed.map((name) => (
        <FieldDiff key={name} name={name} before={before?.[name]} after={after?.[name]} />
      ))}
    </div>
  );
}

function FieldDiff({ name, before, after }: { name: string; before: unknown; after: unknown }) {
  const lines =
    before === undefined || before === null || before === ""
      ? textOf(after)
          .split("\n")
          .map((text) => ({ kind: "added", text }) as const)
      : after === undefined || after === null || after === ""
        ? textOf(before)
            .split("\n")
            .map((text) => ({ kind: "removed", text }) as const)
        : lineDiff(textOf(before), textOf(after));
  return (
    <div className={classes["field"]}>
      <div className={classes["name"]}>{name}</div>
      <div className={classes["lines"]}>
        {lines.map(({ kind, text }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no name but their place
          <div key={index} className={`${classes["line"]} ${classes[kind]}`}>
            <span aria-hidden="true" className={classes["sign"]}>
              {signs[kind]}
            </span>
            <span className="visually-hidden">{spoken[kind]}</span>
            {text}
          </div>
        ))}
      </div>
    </div>
  );
}
