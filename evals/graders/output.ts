import { checkSchema } from "../../tools/validate.ts";
import { type ExportedRun, rootOf } from "../evidence.ts";
import { type Grader, rejectFor } from "../task.ts";

/** Every run of the tree that completed has an output, and it fits the schema of the definition that the run pinned. */
export const outputSchema: Grader = {
  name: "output schema",
  grade: ({ runs }) =>
    rejectFor(
      runs
        .filter(({ status }) => status === "completed")
        .flatMap((run) => faultsOf(run).map((f) => `${run.agent}: ${f}`)),
    ),
};

function faultsOf({ output, definition }: ExportedRun): string[] {
  if (output === null) return ["it completed without an output"];
  return checkSchema(definition.document.output_schema, output).map(({ pointer, message }) => `${pointer} ${message}`);
}

/** How the run ends, and, where it matters, by which rule. */
export function ends(...expected: (ExportedRun["status"] | { status: ExportedRun["status"]; rule: string })[]): Grader {
  const wanted = expected.map((one) => (typeof one === "string" ? { status: one, rule: null } : one));
  return {
    name: "end",
    grade: (evidence) => {
      const { status, reason } = rootOf(evidence);
      const fits = wanted.some((one) => one.status === status && (one.rule === null || one.rule === reason?.rule));
      const names = wanted.map((one) => (one.rule === null ? one.status : `${one.status} (${one.rule})`)).join(" or ");
      return rejectFor(
        fits ? [] : [`it ended ${status} (${reason?.rule ?? "no rule"}: ${reason?.reason ?? ""}), not ${names}`],
      );
    },
  };
}

/** The status that the answer claims is the true one. */
export function claims(...statuses: string[]): Grader {
  return {
    name: "claimed status",
    grade: (evidence) => {
      const status = rootOf(evidence).output?.["status"];
      const said = typeof status === "string" ? status : "nothing";
      return rejectFor(statuses.includes(said) ? [] : [`it says ${said}, not ${statuses.join(" or ")}`]);
    },
  };
}

/** The answer speaks of all of these, whatever the words around them. */
export function mentions(...patterns: RegExp[]): Grader {
  return {
    name: "answer mentions",
    grade: (evidence) => {
      const text = JSON.stringify(rootOf(evidence).output);
      return rejectFor(patterns.filter((one) => !one.test(text)).map((one) => `nothing in the answer is like ${one}`));
    },
  };
}
