import { type Evidence, toolCalls } from "../evidence.ts";
import { type Grader, rejectFor } from "../task.ts";

/** A file is there at the end, and is, or has, what it should. */
export function fileIs(path: string, expected: string | RegExp): Grader {
  return {
    name: "file content",
    grade: ({ files }) => {
      const file = files.find((one) => one.path === path);
      if (file === undefined || file.change === "removed") return rejectFor([`${path} is not there`]);
      if (file.content === null) return rejectFor([`${path} is as it was`]);
      const fits = typeof expected === "string" ? file.content === expected : expected.test(file.content);
      return rejectFor(fits ? [] : [`${path} is not as it should be: ${JSON.stringify(file.content).slice(0, 200)}`]);
    },
  };
}

/** Nothing but these files is different from how the workspace began. */
export function onlyChanged(...paths: string[]): Grader {
  return {
    name: "only changed",
    grade: ({ files }) =>
      rejectFor(
        files
          .filter(({ path, change }) => change !== "same" && !paths.includes(path))
          .map(({ path, change }) => `${path} is ${change}`),
      ),
  };
}

/**
 * The last command like this one passed, in the sandbox, after the last write. The suite itself runs nothing that a model
 * has written.
 */
export function testsPass(command: RegExp): Grader {
  return {
    name: "tests pass",
    grade: (evidence) => {
      const ended = finishedCalls(evidence);
      const proof = ended.findLast(
        ({ tool_name: tool, args }) => tool === "execute_command" && command.test(String(args?.["command"])),
      );
      if (proof === undefined) return rejectFor([`no command like ${command} was run`]);
      const write = ended.findLast(({ tool_name: tool, status }) => tool === "write_file" && status === "success");
      const exitCode = exitCodeOf(proof.result);
      return rejectFor([
        ...(exitCode === 0 ? [] : [`the last run of it ended with exit code ${exitCode ?? "none"}`]),
        ...(write !== undefined && at(write) > at(proof) ? ["something was written after the last run of it"] : []),
      ]);
    },
  };
}

/** The steps of the plan kept their order: what depends on a step began after that step was done. */
export const orderKept: Grader = {
  name: "order kept",
  grade: (evidence) => {
    const planned = evidence.runs.findLast(({ plan }) => plan !== null)?.plan?.steps ?? [];
    const calls = finishedCalls(evidence).filter(({ plan_step: step }) => step !== null);
    if (calls.length === 0) return rejectFor(["no planned step was carried out"]);
    return rejectFor(
      calls.flatMap((call) =>
        (planned.find(({ step }) => step === call.plan_step)?.depends_on ?? []).flatMap((before) => {
          const earlier = calls.findLast((one) => one.plan_step === before && one.status === "success");
          return earlier !== undefined && at(earlier) <= Date.parse(call.created_at)
            ? []
            : [`step ${call.plan_step} began before step ${before} was done`];
        }),
      ),
    );
  },
};

/** These files were read before anything was written. */
export function readFirst(...paths: string[]): Grader {
  return {
    name: "read first",
    grade: (evidence) => {
      const ended = finishedCalls(evidence);
      const written = ended.findIndex(({ tool_name: tool }) => tool === "write_file");
      const before = written === -1 ? ended : ended.slice(0, written);
      const read = new Set(
        before.filter(({ tool_name: tool }) => tool === "read_file").map(({ args }) => args?.["path"]),
      );
      return rejectFor(paths.filter((path) => !read.has(path)).map((path) => `${path} was not read before writing`));
    },
  };
}

const at = ({ completed_at: end }: { completed_at: string | null }): number => Date.parse(end ?? "");

function finishedCalls(evidence: Pick<Evidence, "runs">) {
  return toolCalls(evidence)
    .filter(({ completed_at: end, status }) => end !== null && status !== "refused")
    .toSorted((one, other) => at(one) - at(other));
}

function exitCodeOf(result: string | null): number | null {
  try {
    const code = (JSON.parse(result ?? "") as { exit_code?: unknown }).exit_code;
    return typeof code === "number" ? code : null;
  } catch {
    return null;
  }
}
