import {
  type AlertPercent,
  type BudgetAlert,
  type BudgetNode,
  type BudgetNodes,
  type BudgetUnit,
  budgetUnits,
  pathOf,
} from "./tree.ts";

const percents = [70, 90, 100] as const;

/** The percentages of its cap that a node has spent, lowest first. */
function reached(node: BudgetNode, unit: BudgetUnit): AlertPercent[] {
  const cap = node.cap[unit];
  const spent = node.spent[unit];
  if (cap === undefined || spent === 0) return [];
  return percents.filter((percent) => spent * 100 >= cap * percent);
}

/** Alerts that are due from a node up to the root: each percentage once per node and unit. */
export function takeAlerts(nodes: BudgetNodes, from: string): { nodes: BudgetNodes; alerts: BudgetAlert[] } {
  const alerts: BudgetAlert[] = [];
  let marked = nodes;
  for (const [id, node] of pathOf(nodes, from)) {
    let alerted = node.alerted;
    for (const unit of budgetUnits)
      for (const percent of reached(node, unit))
        if (percent > (alerted[unit] ?? 0)) {
          alerts.push({ node: id, unit, percent });
          alerted = { ...alerted, [unit]: percent };
        }
    if (alerted !== node.alerted) marked = { ...marked, [id]: { ...node, alerted } };
  }
  return { nodes: marked, alerts };
}

/** A node whose cap was raised reports percentages anew that it has not reached of the new cap. */
export function rearm(node: BudgetNode): BudgetNode {
  const alerted: BudgetNode["alerted"] = {};
  for (const unit of budgetUnits) {
    const last = reached(node, unit).findLast((percent) => percent <= (node.alerted[unit] ?? 0));
    if (last !== undefined) alerted[unit] = last;
  }
  return { ...node, alerted };
}
