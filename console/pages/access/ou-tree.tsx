import { Anchor, Text, UnstyledButton } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Shown } from "../../wire/client.ts";
import { isAtOrBelow } from "../../wire/ou-path.ts";
import classes from "./ou-tree.module.css";

type Ou = Shown["Ou"];

/** With more units than this, only the upper ones are open at first. */
const manyUnits = 40;

/** Units below each other, each a link to its page; what is below one can be folded away. */
export function OuTree({ ous, current }: { ous: readonly Ou[]; current: string | undefined }) {
  const known = new Set(ous.map(({ id }) => id));
  const below = new Map<string | null, Ou[]>();
  for (const ou of ous) {
    // The topmost that the reader may see may hang below one that they may not.
    const parent = ou.parent_id !== null && known.has(ou.parent_id) ? ou.parent_id : null;
    below.set(parent, [...(below.get(parent) ?? []), ou]);
  }
  const currentPath = ous.find(({ id }) => id === current)?.path ?? "";
  return <Level of={null} below={below} current={current} currentPath={currentPath} open={ous.length <= manyUnits} />;
}

function Level({
  of,
  ...tree
}: {
  of: string | null;
  below: ReadonlyMap<string | null, Ou[]>;
  current: string | undefined;
  currentPath: string;
  open: boolean;
}) {
  const units = [...(tree.below.get(of) ?? [])].sort((one, other) => (one.path < other.path ? -1 : 1));
  if (units.length === 0) return null;
  return (
    <ul className={classes["level"]}>
      {units.map((ou) => (
        <Unit key={ou.id} ou={ou} depth={of === null ? 0 : 1} {...tree} />
      ))}
    </ul>
  );
}

function Unit({
  ou,
  depth,
  ...tree
}: {
  ou: Ou;
  depth: number;
  below: ReadonlyMap<string | null, Ou[]>;
  current: string | undefined;
  currentPath: string;
  open: boolean;
}) {
  const hasMore = tree.below.has(ou.id);
  const [open, setOpen] = useState(tree.open || depth === 0 || isAtOrBelow(tree.currentPath, ou.path));
  return (
    <li>
      <div className={classes["row"]} data-current={ou.id === tree.current}>
        {hasMore ? (
          <UnstyledButton
            className={classes["fold"]}
            aria-expanded={open}
            aria-label={`Units below ${ou.display_name}`}
            onClick={() => setOpen(!open)}
          >
            <span aria-hidden="true">{open ? "▾" : "▸"}</span>
          </UnstyledButton>
        ) : (
          <span className={classes["fold"]} aria-hidden="true" />
        )}
        <Anchor
          component={Link}
          to={`/ous/${ou.id}`}
          size="sm"
          className={classes["name"] ?? ""}
          aria-current={ou.id === tree.current ? "page" : undefined}
        >
          {ou.display_name}
        </Anchor>
        <Text size="xs" c="dimmed" className={classes["path"] ?? ""}>
          {ou.name === ou.display_name ? "" : ou.name}
        </Text>
      </div>
      {hasMore && open ? <Level of={ou.id} {...tree} /> : null}
    </li>
  );
}
