import { dollars, duration, shortCount } from "../../core/text/figures.ts";
import { asText } from "../printable.ts";
import type { RunEvent } from "./follow.ts";
import { fieldsOf, numberOf, textOf } from "./payload.ts";
import { voteCommand } from "./vote-command.ts";

export interface Remark {
  level: "info" | "warning";
  text: string;
  /** What a person can type about it. */
  command?: string;
}

/** Events that a step or a run of the tree shows. */
const shown: ReadonlySet<string> = new Set([
  "run_started",
  "model_answered",
  "run_step",
  "blocked",
  "permission_requested",
  "permission_approved",
  "permission_denied",
  "permission_expired",
  "permission_cancelled",
  "subagent_started",
  "subagent_ended",
  "run_completed",
  "run_failed",
]);

const units: Readonly<Record<string, string>> = {
  tokens: "tokens",
  costMicros: "money",
  calls: "model calls",
  deadline: "time",
};

/** What an event says beside the tree, in one sentence; undefined when a step or run says it. */
export function remarkOn(event: RunEvent): Remark | undefined {
  if (shown.has(event.type)) return undefined;
  const text = (name: string) => textOf(event, name);
  const because = text("reason") === "" ? "" : `: ${text("reason")}`;
  const info = (sentence: string): Remark => ({ level: "info", text: sentence });
  const warning = (sentence: string): Remark => ({ level: "warning", text: sentence });
  switch (event.type) {
    case "loop_detected":
      return warning(
        `Going in circles (${text("pattern")}, ${text("tool")}, ${text("times")} times): ${loopAnswers[text("level")] ?? text("level")}`,
      );
    case "budget_warning":
      return warning(budgetSentence(event));
    case "budget_requested":
      return { ...warning(`Asks for a larger budget${because}`), command: voteCommand(text("request_id")) };
    case "budget_raised":
      return info(`May spend more${because}`);
    case "budget_refused":
      return warning(`May not spend more${because}`);
    case "plan_validated":
      return info(`The plan is sound: ${text("step_count")} steps`);
    case "plan_refused":
      return warning(`The plan was refused${because}`);
    case "replanned":
      return warning(`Begins anew with another plan${because}`);
    case "output_repaired":
      return info(`The answer was repaired to fit its schema${because}`);
    case "paused":
      return { ...warning(`Paused${because}`), command: `powerloom runs resume ${event.run_id}` };
    case "resumed":
      return info(`Goes on${because}`);
    case "told_to_message":
      return info("A message was heard");
    case "told_to_pause":
    case "told_to_resume":
    case "told_to_cancel":
      return info(`Somebody has asked to ${event.type.slice("told_to_".length)} it`);
    case "bypass":
      return warning(`${text("tool")} ran without asking: the organisation is in BYPASS mode (${text("rule")})`);
    case "tools_unavailable":
      return warning(`Tools of the MCP server ${text("server")} are missing${because}`);
    case "elevation_granted":
      return info(
        `${text("tool")} may run again without asking for ${duration((numberOf(event, "seconds") ?? 0) * 1_000)}`,
      );
    case "elevation_used":
      return info(`${text("tool")} ran on an approval of before`);
    default:
      return info(`${event.type.replaceAll("_", " ")} ${asText(event.payload)}`.trim());
  }
}

const loopAnswers: Readonly<Record<string, string>> = {
  warn: "it was told so",
  replan: "it has to think of another way",
  pause: "a person has to look",
  stop: "it is stopped",
};

function budgetSentence(event: RunEvent): string {
  const percent = numberOf(event, "percent");
  if (percent === null) {
    const { reason, ...excess } = fieldsOf(event);
    const amounts = Object.entries(excess).map(([unit, amount]) => `${units[unit] ?? unit}: ${asText(amount)}`);
    return `${asText(reason, "The budget is exceeded")}${amounts.length === 0 ? "" : ` (${amounts.join(", ")})`}`;
  }
  const unit = textOf(event, "unit");
  const cap = numberOf(event, "cap");
  const limit =
    cap === null || unit === "deadline" ? "" : ` of ${unit === "costMicros" ? dollars(cap) : shortCount(cap)}`;
  return `${percent} % of the budget is used (${units[unit] ?? unit}${limit})`;
}
