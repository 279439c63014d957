import { count, dollars, duration } from "../../../core/text/figures.ts";
import { fieldsOf, numberIn, type RunEvent, textIn } from "./payload.ts";

/** How much an event matters to whoever watches. */
export type Weight = "plain" | "good" | "warning" | "bad";

const units: Readonly<Record<string, string>> = {
  tokens: "tokens",
  costMicros: "money",
  calls: "model calls",
  deadline: "time",
};

const loopAnswers: Readonly<Record<string, string>> = {
  warn: "it was told so",
  replan: "it has to think of another way",
  pause: "a person has to look",
  stop: "it is stopped",
};

/** What an event says, in one sentence, and how much it matters. Pure. */
export function remarkOn(event: RunEvent): { weight: Weight; text: string } {
  const text = (name: string) => textIn(event, name);
  const because = text("reason") === "" ? "" : `: ${text("reason")}`;
  const plain = (sentence: string) => ({ weight: "plain" as const, text: sentence });
  const good = (sentence: string) => ({ weight: "good" as const, text: sentence });
  const warning = (sentence: string) => ({ weight: "warning" as const, text: sentence });
  const bad = (sentence: string) => ({ weight: "bad" as const, text: sentence });
  switch (event.type) {
    case "run_started":
      return plain(`Started with ${text("model")}, the organisation being in ${text("mode")}`);
    case "model_answered":
      return plain(answerSentence(event));
    case "run_step":
      return text("status") === "success"
        ? good(`${text("tool")} took ${duration(numberIn(event, "duration_ms") ?? 0)}`)
        : bad(`${text("tool")} did not work (${text("status")}): ${text("output")}`);
    case "blocked":
      return bad(`${text("tool")} was refused by the rule ${text("rule")}${because}`);
    case "permission_requested":
      return warning(`${text("tool")} waits for approval${because}`);
    case "permission_approved":
      return good(`${text("tool")} was approved${because}`);
    case "permission_denied":
    case "permission_expired":
    case "permission_cancelled":
      return bad(`The approval of ${text("tool")} was ${event.type.slice("permission_".length)}${because}`);
    case "subagent_started":
      return plain(`Starts ${text("agent")}`);
    case "subagent_ended":
      return plain(`${text("agent")} is ${text("status")}`);
    case "run_completed":
      return good(`Completed${because}`);
    case "run_failed":
      return bad(`${text("status")}${because}`);
    case "loop_detected":
      return warning(
        `Goes in circles (${text("pattern")}, ${text("tool")}, ${text("times")} times): ${loopAnswers[text("level")] ?? text("level")}`,
      );
    case "budget_warning":
      return warning(budgetSentence(event));
    case "budget_requested":
      return warning(`Asks for a larger budget${because}`);
    case "budget_raised":
      return good(`May spend more${because}`);
    case "budget_refused":
      return bad(`May not spend more${because}`);
    case "plan_validated":
      return good(`The plan is sound: ${text("step_count")} steps`);
    case "plan_refused":
      return bad(`The plan was refused${because}`);
    case "replanned":
      return warning(`Begins anew with another plan${because}`);
    case "output_repaired":
      return plain(`The answer was repaired to fit its schema${because}`);
    case "paused":
      return warning(`Paused${because}`);
    case "resumed":
      return plain(`Goes on${because}`);
    case "told_to_message":
      return plain("A message was heard");
    case "told_to_pause":
    case "told_to_resume":
    case "told_to_cancel":
      return plain(`Has heard that it is to ${event.type.slice("told_to_".length)}${because}`);
    case "bypass":
      return warning(`${text("tool")} ran without asking, the organisation being in BYPASS (${text("rule")})`);
    case "tools_unavailable":
      return warning(`Tools of the MCP server ${text("server")} are missing${because}`);
    case "elevation_granted":
      return plain(
        `${text("tool")} may do the same again without asking for ${duration((numberIn(event, "seconds") ?? 0) * 1_000)}`,
      );
    case "elevation_used":
      return plain(`${text("tool")} ran on an earlier approval`);
    default:
      return plain(`${event.type.replaceAll("_", " ")}${because}`);
  }
}

function answerSentence(event: RunEvent): string {
  const { tools, final } = fieldsOf(event);
  const names = Array.isArray(tools) ? tools.map(String) : [];
  const what = names.length > 0 ? `Asks for ${names.join(", ")}` : final === true ? "Gives its answer" : "Answers";
  return `${what} (${count(numberIn(event, "tokens") ?? 0)} tokens)`;
}

function budgetSentence(event: RunEvent): string {
  const percent = numberIn(event, "percent");
  if (percent === null) return textIn(event, "reason") || "The budget is exceeded";
  const unit = textIn(event, "unit");
  const cap = numberIn(event, "cap");
  const limit = cap === null || unit === "deadline" ? "" : ` of ${unit === "costMicros" ? dollars(cap) : count(cap)}`;
  return `${percent} % of the budget is used (${units[unit] ?? unit}${limit})`;
}
