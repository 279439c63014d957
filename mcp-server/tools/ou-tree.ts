import type { z } from "zod";
import type { ouView } from "../../contracts/views.ts";

type Ou = z.infer<typeof ouView>;

/** An OU with those below it. */
export interface OuNode extends Ou {
  children: OuNode[];
}

/** The flat list as a tree, siblings by path. An OU whose parent is not visible is a root. */
export function ouTree(ous: readonly Ou[]): OuNode[] {
  const nodes = new Map(ous.map((ou) => [ou.id, { ...ou, children: [] } as OuNode]));
  const roots: OuNode[] = [];
  const sorted = [...nodes.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const node of sorted) {
    const parent = node.parent_id === null ? undefined : nodes.get(node.parent_id);
    (parent?.children ?? roots).push(node);
  }
  return roots;
}
