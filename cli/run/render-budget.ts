import { dollars, duration, shortCount } from "../../core/text/figures.ts";
import type { Style } from "../paint.ts";
import type { Line } from "./layout.ts";
import { type RunTree, usedInAll } from "./tree.ts";

const barWidth = 20;

/** A bar for each limit of a run: yellow from 70 %, red from 90 %. */
export function budgetLines(tree: RunTree, now: number): Line[] {
  const { tokens, cost_usd: cost, calls, wall_seconds: seconds } = tree.budget;
  const used = usedInAll(tree);
  return [
    ...bar("tokens", used.tokens, tokens, shortCount),
    ...bar("cost", used.costMicros, cost === undefined ? undefined : cost * 1_000_000, dollars),
    ...bar("calls", used.calls, calls, String),
    ...bar("time", elapsed(tree, now), seconds === undefined ? undefined : seconds * 1_000, duration),
  ];
}

/** What a run has used of everything, limited or not. */
export function usageText(tree: RunTree, now: number): string {
  const { tokens, costMicros, calls } = usedInAll(tree);
  const parts = [`${shortCount(tokens)} tokens`, dollars(costMicros), `${calls} model call${calls === 1 ? "" : "s"}`];
  return [...parts, duration(elapsed(tree, now))].join(" · ");
}

function elapsed(tree: RunTree, now: number): number {
  const root = tree.runs[tree.rootId];
  return root === undefined || root.startedAt === null ? 0 : Math.max(0, (root.endedAt ?? now) - root.startedAt);
}

function bar(name: string, used: number, limit: number | undefined, format: (amount: number) => string): Line[] {
  if (limit === undefined || limit <= 0) return [];
  const share = used / limit;
  const style: Style = share >= 0.9 ? "red" : share >= 0.7 ? "yellow" : "green";
  const full = Math.min(barWidth, Math.floor(share * barWidth));
  return [
    {
      left: [
        { text: `  ${name.padEnd(6)} `, style: "dim" },
        { text: "█".repeat(full), style },
        { text: "░".repeat(barWidth - full), style: "dim" },
        // Rounded down: 100 % is what is used up.
        { text: ` ${String(Math.floor(share * 100)).padStart(3)}%`, style },
        { text: `  ${format(used)} of ${format(limit)}`, style: "dim" },
      ],
    },
  ];
}
