import { Text, Tree, type TreeNodeData, useTree } from "@mantine/core";
import { type KeyboardEvent, useMemo, useState } from "react";
import type { Shown } from "../../wire/client.ts";
import { isAtOrBelow } from "../../wire/ou-path.ts";
import classes from "./ou-tree.module.css";

/** OUs as a tree, one of which is chosen. Arrows move, open and close; Enter chooses. */
export function OuTree({
  ous,
  chosen,
  onChoose,
}: {
  ous: readonly Shown["Ou"][];
  /** Path; undefined when none is. */
  chosen: string | undefined;
  onChoose: (path: string | undefined) => void;
}) {
  const data = useMemo(() => nodesOf(ous), [ous]);
  // Open to begin with: the first two levels, and the way to what is chosen.
  const open = useMemo(
    () =>
      Object.fromEntries(
        ous.map(({ path }) => [
          path,
          path.split("/").length <= 2 || (chosen !== undefined && chosen !== path && isAtOrBelow(chosen, path)),
        ]),
      ),
    [ous, chosen],
  );
  // What people have opened and closed since.
  const [turned, setTurned] = useState<Readonly<Record<string, boolean>>>({});
  const expanded = { ...open, ...turned };
  const tree = useTree({
    selectedState: chosen === undefined ? [] : [chosen],
    expandedState: expanded,
    onExpandedStateChange: (next) =>
      setTurned((before) => ({
        ...before,
        ...Object.fromEntries(Object.entries(next).filter(([path, isOpen]) => isOpen !== expanded[path])),
      })),
  });
  const choose = (path: string) => onChoose(path === chosen ? undefined : path);
  const onKeyDown = (event: KeyboardEvent) => {
    const path = (event.target as HTMLElement).dataset["value"];
    if (event.key === "Enter" && path !== undefined) choose(path);
  };
  return (
    <Tree
      data={data}
      tree={tree}
      aria-label="Units"
      levelOffset="md"
      expandOnClick={false}
      onKeyDown={onKeyDown}
      renderNode={({ node, expanded, hasChildren, selected, elementProps }) => (
        <div
          {...elementProps}
          className={`${elementProps.className} ${classes["node"]}`}
          data-chosen={selected || undefined}
        >
          {hasChildren ? (
            // Keyboards use the arrows: this is for pointers alone.
            <span
              className={classes["toggle"]}
              aria-hidden="true"
              data-open={expanded || undefined}
              onClick={(event) => {
                event.stopPropagation();
                tree.toggleExpanded(node.value);
              }}
            >
              ▸
            </span>
          ) : (
            <span className={classes["toggle"]} aria-hidden="true" />
          )}
          <Text size="sm" truncate flex={1} title={node.value} onClick={() => choose(node.value)}>
            {node.label}
          </Text>
        </div>
      )}
    />
  );
}

/** A tree of what is a list. What has no parent among them stands at the top. */
function nodesOf(ous: readonly Shown["Ou"][]): TreeNodeData[] {
  const nodes = new Map<string, TreeNodeData & { children: TreeNodeData[] }>(
    ous.map(({ path, display_name: label }) => [path, { value: path, label, children: [] }]),
  );
  const top: TreeNodeData[] = [];
  for (const [path, node] of nodes) (nodes.get(path.slice(0, path.lastIndexOf("/")))?.children ?? top).push(node);
  return top;
}
