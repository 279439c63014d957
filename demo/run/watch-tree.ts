import type { RunEvent } from "../../cli/run/follow.ts";
import { renderTree } from "../../cli/run/render-tree.ts";
import { openTree } from "../../cli/run/tree.ts";
import { treeAfter } from "../../cli/run/tree-after.ts";
import type { RunDetail } from "../../cli/run/watch.ts";
import type { Person } from "../api.ts";

/** A run that is over, as its live view ended: the tree of runs and steps, and a bar for each budget. */
export async function finalTree(
  person: Person,
  runId: string,
  style: { width: number; color: boolean },
): Promise<string[]> {
  const run = await person.get<RunDetail>(`/runs/${runId}`);
  const { data } = await person.get<{ data: RunEvent[] }>(`/runs/${runId}/events?limit=1000`);
  let tree = openTree(run);
  for (const event of data) tree = treeAfter(tree, { kind: "event", event });
  tree = treeAfter(tree, { kind: "run", run });
  return renderTree(tree, { ...style, now: Date.now() });
}
