import type { RunEvent } from "./follow.ts";
import { fieldsOf, isFields, numberOf, textOf } from "./payload.ts";
import { remarkOn } from "./remarks.ts";
import { changeStep, closed, endMark, newStep, withItem, withPlanStep } from "./run-node.ts";
import { childEnded, childStarted, started, withNode } from "./subagents.ts";
import { added, isOver, type RunNode, type RunTree, type StepItem, type TreeInput, unknownRun } from "./tree.ts";

/** Of what a model says, this much is kept for the one line it is shown on. */
const mostWords = 500;

/** The tree after something was heard. An event that was seen before changes nothing. Pure. */
export function treeAfter(tree: RunTree, input: TreeInput): RunTree {
  switch (input.kind) {
    case "words":
      return spoken(tree, input);
    case "run":
      return looked(tree, input.run);
    case "event":
      return input.event.position <= tree.position
        ? tree
        : { ...happened(tree, input.event), position: input.event.position };
  }
}

function spoken(tree: RunTree, { run, thread, text }: { run: string; thread: string; text: string }): RunTree {
  if (isOver(tree.runs[run]?.mark ?? "running")) return tree;
  const key = `${run} ${thread}`;
  const said = `${tree.words[key]?.text ?? ""}${text}`.slice(-mostWords);
  return { ...tree, words: { ...tree.words, [key]: { run, thread, text: said } } };
}

/** Figures, and how the steps of plans have ended: no event says that. */
function looked(tree: RunTree, run: Extract<TreeInput, { kind: "run" }>["run"]): RunTree {
  const { tokens, cost_micros: costMicros, calls } = run.used;
  let after: RunTree = { ...tree, budget: run.budget, used: { tokens, costMicros, calls } };
  for (const { id, output } of [run, ...run.children]) {
    const node = after.runs[id];
    if (node === undefined || !isFields(output) || !Array.isArray(output["steps"])) continue;
    const plan = { ...node.plan };
    for (const step of output["steps"] as unknown[]) {
      if (!isFields(step) || typeof step["step"] !== "number") continue;
      const mark = (["done", "failed", "skipped"] as const).find((one) => one === step["status"]);
      if (mark !== undefined) plan[step["step"]] = { tokens: plan[step["step"]]?.tokens ?? 0, mark };
    }
    after = withNode(after, { ...node, plan });
  }
  return after;
}

function happened(tree: RunTree, event: RunEvent): RunTree {
  const node = tree.runs[event.run_id] ?? unknownRun(event.run_id, tree.rootId);
  const at = Date.parse(event.at);
  const remarked = remarkOn(event) === undefined ? node : withItem(node, { kind: "note", planStep: null, event });
  switch (event.type) {
    case "run_started":
      return started(tree, event, node, at);
    case "model_answered":
      return answered(silent(tree, event.run_id, numberOf(event, "plan_step")), event, node, at);
    case "run_step":
      return stepEnded(silent(tree, event.run_id, numberOf(event, "plan_step")), event, node, at);
    case "blocked":
      return withNode(
        tree,
        changeStep(node, event, at, { mark: "refused", detail: textOf(event, "reason"), durationMs: null }),
      );
    case "permission_requested": {
      const detail = textOf(event, "reason");
      const requestId = textOf(event, "request_id");
      const waiting = changeStep(node, event, at, {
        mark: "waiting",
        detail,
        requestId,
        input: textOf(event, "input"),
      });
      return withNode(tree, { ...waiting, mark: "waiting" });
    }
    case "permission_approved":
      return withNode(tree, {
        ...changeStep(node, event, at, { mark: "running", detail: "", requestId: null }),
        mark: "running",
      });
    case "permission_denied":
    case "permission_expired":
    case "permission_cancelled": {
      const detail = textOf(event, "reason");
      const refused = changeStep(node, event, at, { mark: "refused", detail, requestId: null });
      return withNode(tree, { ...refused, mark: "running" });
    }
    case "subagent_started":
      return childStarted(tree, event, node);
    case "subagent_ended":
      return childEnded(withNode(tree, node), event, at);
    case "budget_requested":
      return withNode(tree, { ...remarked, mark: "waiting" });
    case "budget_raised":
    case "budget_refused":
      return withNode(tree, { ...remarked, mark: "running" });
    case "paused":
      return withNode(tree, { ...remarked, mark: "paused" });
    case "resumed":
    case "told_to_resume":
      return withNode(tree, { ...remarked, mark: node.mark === "paused" ? "running" : node.mark });
    case "run_completed":
    case "run_failed":
      return ended(tree, event, node, at);
    default:
      return withNode(tree, remarked);
  }
}

function answered(tree: RunTree, event: RunEvent, node: RunNode, at: number): RunTree {
  const planStep = numberOf(event, "plan_step");
  const tokens = numberOf(event, "tokens") ?? 0;
  const { tools } = fieldsOf(event);
  const proposed = (Array.isArray(tools) ? tools : []).map(
    (tool: unknown, index): StepItem => ({
      ...newStep(`${textOf(event, "step_id")}.${index + 1}`, planStep, at),
      tool: String(tool),
      tokens: index === 0 ? tokens : 0,
    }),
  );
  const used = added(node.used, { tokens, costMicros: numberOf(event, "cost_micros") ?? 0, calls: 1 });
  const plan = withPlanStep(node, planStep, fieldsOf(event)["final"] === true ? "done" : "running", tokens);
  return withNode(tree, { ...node, used, plan, items: [...node.items, ...proposed] });
}

function stepEnded(tree: RunTree, event: RunEvent, node: RunNode, at: number): RunTree {
  const status = textOf(event, "status");
  const failed = status !== "success";
  const after = changeStep(node, event, at, {
    mark: failed ? "failed" : "done",
    input: textOf(event, "input"),
    detail: failed ? textOf(event, "output") || status : "",
    durationMs: numberOf(event, "duration_ms"),
    requestId: null,
  });
  // What a step failed in is asked of the model next; only its answer, or the run's end, says that the step has failed.
  return withNode(tree, {
    ...after,
    plan: withPlanStep(after, numberOf(event, "plan_step"), failed ? "running" : "done", 0),
  });
}

function ended(tree: RunTree, event: RunEvent, node: RunNode, at: number): RunTree {
  const charged = {
    tokens: Math.max(node.used.tokens, numberOf(event, "tokens") ?? 0),
    costMicros: Math.max(node.used.costMicros, numberOf(event, "cost_micros") ?? 0),
    calls: Math.max(node.used.calls, numberOf(event, "calls") ?? 0),
  };
  const over = closed(node, endMark(textOf(event, "status")));
  return withNode(silent(tree, node.id, "all"), {
    ...over,
    endedAt: at,
    reason: textOf(event, "reason"),
    used: charged,
  });
}

/** Nobody is speaking there any more. A planned step's thread is `step-<n>`, with `~<m>` after a new beginning. */
function silent(tree: RunTree, run: string, planStep: number | null | "all"): RunTree {
  const said = Object.entries(tree.words).filter(([, words]) => {
    if (words.run !== run) return true;
    if (planStep === "all") return false;
    const [, step] = /^step-(\d+)/.exec(words.thread) ?? [];
    return (step === undefined ? null : Number(step)) !== planStep;
  });
  return { ...tree, words: Object.fromEntries(said) };
}
