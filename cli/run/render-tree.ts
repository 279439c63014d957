import { duration, shortCount } from "../../core/text/figures.ts";
import { painter } from "../paint.ts";
import { oneLine } from "../printable.ts";
import { fitLine, type Line, type Span } from "./layout.ts";
import { signOf } from "./marks.ts";
import { remarkOn } from "./remarks.ts";
import { budgetLines, usageText } from "./render-budget.ts";
import { type Item, isOver, type RunNode, type RunTree, type StepItem, usedBelow } from "./tree.ts";
import { voteCommand } from "./vote-command.ts";

export interface TreeStyle {
  /** Columns; no line takes more. */
  width: number;
  /** Epoch milliseconds: what is still going on has taken until now. */
  now: number;
  color: boolean;
  /** Most lines there may be. What is over is folded first, then the oldest lines are left out. Default: no limit. */
  rows?: number;
}

/** No arguments are worth more than this of a line's width, characters. */
const mostInput = 400;

/** A run as people watch it: runs, steps and subagents nested, then the budget, then what a model is saying. Pure. */
export function renderTree(tree: RunTree, { width, now, color, rows = Number.POSITIVE_INFINITY }: TreeStyle): string[] {
  const paint = painter(color);
  const foot = [...footer(tree, now)];
  const room = Math.max(1, rows - foot.length);
  let lines = runLines(tree, tree.rootId, 0, { now, fold: false });
  if (lines.length > room) lines = runLines(tree, tree.rootId, 0, { now, fold: true });
  if (lines.length > room) lines = withoutMiddle(lines, room);
  return [...lines, ...foot].slice(0, rows).map((line) => fitLine(line, width, paint));
}

function withoutMiddle(lines: readonly Line[], room: number): Line[] {
  if (room < 3) return lines.slice(-room);
  const leftOut = lines.length - room + 1;
  const remark: Line = { left: [{ text: `  … ${leftOut} earlier lines`, style: "dim" }] };
  return [...lines.slice(0, 1), remark, ...lines.slice(1 + leftOut)];
}

interface Drawing {
  now: number;
  /** Leave out what is below something that is over. */
  fold: boolean;
}

function runLines(tree: RunTree, id: string, depth: number, drawing: Drawing): Line[] {
  const node = tree.runs[id];
  if (node === undefined) return [];
  const head = runLine(tree, node, depth, drawing);
  if (drawing.fold && depth > 0 && isOver(node.mark)) return [head];
  const of = (planStep: number | null) => node.items.filter((item) => item.planStep === planStep);
  const draw = (items: readonly Item[], below: number) =>
    items.flatMap((item) => itemLines(tree, item, below, drawing));
  const planned = Object.keys(node.plan)
    .map(Number)
    .sort((one, other) => one - other);
  return [
    head,
    ...draw(of(null), depth + 1),
    ...planned.flatMap((number) => [
      planLine(node, number, depth + 1, drawing),
      ...(drawing.fold && isOver(node.plan[number]?.mark ?? "running") ? [] : draw(of(number), depth + 2)),
    ]),
  ];
}

function itemLines(tree: RunTree, item: Item, depth: number, drawing: Drawing): Line[] {
  switch (item.kind) {
    case "run":
      return runLines(tree, item.runId, depth, drawing);
    case "step":
      return stepLines(item, depth, drawing);
    case "note": {
      const remark = remarkOn(item.event);
      if (remark === undefined || (drawing.fold && remark.level === "info")) return [];
      const style = remark.level === "warning" ? "yellow" : "dim";
      const sign = remark.level === "warning" ? "! " : "· ";
      return [
        { left: [indent(depth), { text: sign, style }], flex: { text: oneLine(remark.text), style } },
        ...(remark.command === undefined ? [] : [{ left: [indent(depth + 1), { text: oneLine(remark.command) }] }]),
      ];
    }
  }
}

function runLine(tree: RunTree, node: RunNode, depth: number, { now }: Drawing): Line {
  const { tokens } = usedBelow(tree, node.id);
  const took = node.startedAt === null ? null : (node.endedAt ?? now) - node.startedAt;
  const over = isOver(node.mark);
  const said = over && node.mark !== "done" ? `${node.mark}: ${node.reason}` : node.task;
  return {
    left: [
      indent(depth),
      signOf(node.mark, now),
      { text: ` ${oneLine(node.agent, 60)}`, style: "bold" },
      ...(node.model === "" ? [] : [{ text: ` ${oneLine(node.model, 60)}`, style: "dim" } as const]),
    ],
    ...(said === ""
      ? {}
      : { flex: { text: `  ${oneLine(said, mostInput)}`, ...(over ? {} : { style: "dim" as const }) } }),
    right: figures(took, tokens),
  };
}

function planLine(node: RunNode, number: number, depth: number, { now }: Drawing): Line {
  const step = node.plan[number] ?? { mark: "queued" as const, tokens: 0 };
  return {
    left: [indent(depth), signOf(step.mark, now), { text: ` step ${number}`, style: "bold" }],
    right: figures(null, step.tokens),
  };
}

function stepLines(step: StepItem, depth: number, { now }: Drawing): Line[] {
  const running = step.mark === "running" || step.mark === "waiting";
  const line: Line = {
    left: [indent(depth), signOf(step.mark, now), { text: ` ${oneLine(step.tool, 60)}` }],
    flex: { text: ` ${oneLine(step.input, mostInput)}`.trimEnd(), style: "dim" },
    right: figures(
      step.durationMs ?? (running ? now - step.startedAt : null),
      step.planStep === null ? step.tokens : 0,
    ),
  };
  const style = step.mark === "waiting" ? "yellow" : "red";
  const below = (text: string, styled: boolean): Line => ({
    left: [indent(depth + 1)],
    flex: { text, ...(styled ? { style } : {}) },
  });
  return [
    line,
    ...(step.detail === "" || step.mark === "done" ? [] : [below(oneLine(step.detail, mostInput), true)]),
    ...(step.requestId === null ? [] : [below(voteCommand(step.requestId), false)]),
  ];
}

function* footer(tree: RunTree, now: number): Generator<Line> {
  yield { left: [{ text: `  ${usageText(tree, now)}`, style: "dim" }] };
  yield* budgetLines(tree, now);
  const [words] = Object.values(tree.words);
  if (words === undefined) return;
  const speaker = oneLine(tree.runs[words.run]?.agent ?? "agent", 60);
  yield {
    left: [{ text: `  ${speaker}: `, style: "dim" }],
    flex: { text: oneLine(words.text), style: "dim", keep: "end" },
  };
}

function figures(ms: number | null, tokens: number): Span[] {
  const parts = [...(ms === null ? [] : [duration(ms)]), ...(tokens === 0 ? [] : [`${shortCount(tokens)} tokens`])];
  return parts.length === 0 ? [] : [{ text: `  ${parts.join(" · ")}`, style: "dim" }];
}

function indent(depth: number): Span {
  return { text: "  ".repeat(Math.min(depth, 20)) };
}
