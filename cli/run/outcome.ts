import { dollars, duration, shortCount } from "../../core/text/figures.ts";
import type { Paint } from "../paint.ts";
import { asText, oneLine, printable } from "../printable.ts";
import { renderFields } from "../render-value.ts";
import { isFields } from "./payload.ts";
import type { RunDetail } from "./watch.ts";
import type { RunFile, WrittenBack } from "./write-back.ts";

const mostListed = 50;
const changeSigns = { added: "+", changed: "~", removed: "-", same: " " } as const;

/** How a run has ended, why, and with what. Pure. */
export function outcomeLines(run: RunDetail, paint: Paint): string[] {
  const completed = run.status === "completed";
  const sign = completed ? paint("green", "✓") : paint("red", "✗");
  const rule = run.reason === null || completed ? "" : ` (${run.reason.rule})`;
  const because = run.reason?.reason ?? run.error ?? "";
  const { tokens, cost_micros: costMicros, calls } = run.used;
  const figures = [`${shortCount(tokens)} tokens`, dollars(costMicros), `${calls} model call${calls === 1 ? "" : "s"}`];
  if (run.completed_at !== null)
    figures.push(duration(Date.parse(run.completed_at) - Date.parse(run.started_at ?? run.created_at)));
  return [
    `${sign} ${oneLine(`${run.status}${rule}${because === "" ? "" : `: ${because}`}`)}`,
    paint("dim", `  ${figures.join(" · ")}`),
    ...outputLines(run.output, paint),
  ];
}

function outputLines(output: unknown, paint: Paint): string[] {
  if (output === null || output === undefined) return [];
  return isFields(output) ? renderFields(output, paint) : [printable(asText(output))];
}

/** What a run has made of its files. */
export function fileLines(files: readonly RunFile[], paint: Paint): string[] {
  const changed = files.filter(({ change }) => change !== "same");
  if (changed.length === 0) return [];
  const style = { added: "green", changed: "yellow", removed: "red", same: "dim" } as const;
  const lines = changed
    .slice(0, mostListed)
    .map(
      ({ path, change, bytes }) =>
        `  ${paint(style[change], changeSigns[change])} ${oneLine(path)} ${paint("dim", `${bytes} bytes`)}`,
    );
  return [paint("cyan", "files:"), ...lines, ...more(changed.length, paint)];
}

/** What was written into the person's folder, and what was not. */
export function writtenLines(results: readonly WrittenBack[], folder: string, paint: Paint): string[] {
  const written = results.filter(({ status }) => status === "written").length;
  const lines = results.flatMap((result) => notWritten(result, paint));
  return [`${written} file${written === 1 ? "" : "s"} written into ${oneLine(folder)}`, ...lines];
}

function notWritten(result: WrittenBack, paint: Paint): string[] {
  const path = oneLine(result.path);
  switch (result.status) {
    case "written":
    case "same":
      return [];
    case "beside":
      return [
        `${paint("yellow", "!")} ${path} is not what was sent: yours stays, the run's is in ${oneLine(result.beside)}`,
      ];
    case "kept":
      return [`${paint("dim", "·")} ${path} was removed in the run; yours stays`];
    case "refused":
      return [`${paint("red", "✗")} ${path} was not written: ${oneLine(result.reason)}`];
  }
}

/** Which files of a folder were not sent, and why. */
export function leftOutLines(leftOut: readonly { path: string; why: string }[], paint: Paint): string[] {
  if (leftOut.length === 0) return [];
  const lines = leftOut.slice(0, mostListed).map(({ path, why }) => `  ${oneLine(path)} ${paint("dim", oneLine(why))}`);
  return [`${paint("yellow", "!")} Left out, so the run does not see them:`, ...lines, ...more(leftOut.length, paint)];
}

function more(count: number, paint: Paint): string[] {
  return count > mostListed ? [paint("dim", `  … and ${count - mostListed} more`)] : [];
}
