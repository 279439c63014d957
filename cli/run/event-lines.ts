import { dollars, duration, shortCount } from "../../core/text/figures.ts";
import type { Paint } from "../paint.ts";
import { oneLine } from "../printable.ts";
import type { RunEvent } from "./follow.ts";
import { signOf } from "./marks.ts";
import { fieldsOf, numberOf, textOf } from "./payload.ts";
import { remarkOn } from "./remarks.ts";
import type { Mark, RunTree } from "./tree.ts";
import { voteCommand } from "./vote-command.ts";

/** Longest text of others in a line, characters. */
const mostText = 200;

/**
 * What people read of an event where nothing can be redrawn: one line, with the time (UTC) and the agent. Pure.
 * @param tree as it is after the event
 */
export function eventLine(tree: RunTree, event: RunEvent, paint: Paint): string {
  const node = tree.runs[event.run_id];
  const planStep = numberOf(event, "plan_step");
  const who = `${oneLine(node?.agent ?? "agent", 60)}${planStep === null ? "" : ` step ${planStep}`}`;
  const { mark, text } = sentence(event);
  const sign =
    mark === null ? paint("dim", "·") : typeof mark === "string" ? painted(mark, paint) : paint("yellow", "!");
  return `${paint("dim", event.at.slice(11, 19))} ${"  ".repeat(depthOf(tree, event.run_id))}${paint("bold", `${who}:`)} ${sign} ${text}`;
}

function painted(mark: Mark, paint: Paint): string {
  const { text, style } = signOf(mark);
  return style === undefined ? text : paint(style, text);
}

/** Null: an ordinary remark; `warning`: one to look at. */
function sentence(event: RunEvent): { mark: Mark | null | { warning: true }; text: string } {
  const text = (name: string, length = mostText) => oneLine(textOf(event, name), length);
  const remark = remarkOn(event);
  if (remark !== undefined) {
    const command = remark.command === undefined ? "" : `. ${remark.command}`;
    return {
      mark: remark.level === "warning" ? { warning: true } : null,
      text: oneLine(`${remark.text}${command}`, 2 * mostText),
    };
  }
  switch (event.type) {
    case "run_started":
      return { mark: "running", text: `started (${text("model")}, ${text("mode")}): ${text("task")}` };
    case "model_answered": {
      const { tools } = fieldsOf(event);
      const names = Array.isArray(tools) ? tools.map(String) : [];
      const what =
        names.length > 0
          ? `asks for ${names.join(", ")}`
          : fieldsOf(event)["final"] === true
            ? "gives its answer"
            : "answers";
      return { mark: null, text: oneLine(`${what}${amounts(event)}`, mostText) };
    }
    case "run_step": {
      const failed = text("status") !== "success";
      const what = `${text("tool")} ${text("input")} · ${duration(numberOf(event, "duration_ms") ?? 0)}`;
      return { mark: failed ? "failed" : "done", text: failed ? `${what}: ${text("output") || text("status")}` : what };
    }
    case "blocked":
      return { mark: "refused", text: `${text("tool")} was refused (${text("rule")}): ${text("reason")}` };
    case "permission_requested":
      return {
        mark: "waiting",
        text: `${text("tool")} ${text("input")} waits for approval: ${text("reason")}. ${voteCommand(textOf(event, "request_id"))}`,
      };
    case "permission_approved":
      return { mark: "done", text: `${text("tool")} was approved` };
    case "permission_denied":
    case "permission_expired":
    case "permission_cancelled": {
      const because = text("reason") === "" ? "" : `: ${text("reason")}`;
      return {
        mark: "refused",
        text: `the approval of ${text("tool")} was ${event.type.slice("permission_".length)}${because}`,
      };
    }
    case "subagent_started":
      return { mark: "running", text: `starts ${text("agent")}` };
    case "subagent_ended":
      return {
        mark: text("status") === "completed" ? "done" : "failed",
        text: `${text("agent")} is ${text("status")}`,
      };
    default: {
      const done = event.type === "run_completed";
      const took = numberOf(event, "duration_ms");
      const figures = `${amounts(event)}${took === null ? "" : ` · ${duration(took)}`}`;
      return { mark: done ? "done" : "failed", text: `${text("status")}: ${text("reason")}${figures}` };
    }
  }
}

function amounts(event: RunEvent): string {
  const tokens = numberOf(event, "tokens");
  const cost = numberOf(event, "cost_micros");
  return `${tokens === null ? "" : ` · ${shortCount(tokens)} tokens`}${cost === null ? "" : ` · ${dollars(cost)}`}`;
}

function depthOf(tree: RunTree, id: string): number {
  let depth = 0;
  for (let at = tree.runs[id]?.parentId; at != null && depth < 20; at = tree.runs[at]?.parentId) depth += 1;
  return depth;
}
