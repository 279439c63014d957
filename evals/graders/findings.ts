import type { Evidence } from "../evidence.ts";
import { type Grader, rejectFor } from "../task.ts";

interface Finding {
  file: string;
  line: number;
  category: string;
  severity: string;
}

export interface ExpectedFinding {
  file: string;
  line: number;
  category: string;
  /** Lines that it may be off. */
  within?: number;
}

/**
 * What the reviewer reports: each expected finding by category, file and line, and nothing else in files that are named
 * clean.
 */
export function finds(expected: readonly ExpectedFinding[], clean: readonly string[] = []): Grader {
  return {
    name: "findings",
    grade: (evidence) => {
      const found = lastFindings(evidence);
      if (found === undefined) return rejectFor(["no review has completed"]);
      const missed = expected.filter((one) => !found.some((finding) => isSame(finding, one)));
      const invented = found.filter(({ file }) => clean.includes(plain(file)));
      return rejectFor([
        ...missed.map(
          ({ file, line, category, within = 2 }) => `no finding ${category} in ${file} at line ${line} ± ${within}`,
        ),
        ...invented.map(({ file, line, category }) => `${file} is clean, but ${category} is reported at line ${line}`),
      ]);
    },
  };
}

/** The verdict follows from the findings: high and critical ones fail. */
export const verdictFits: Grader = {
  name: "verdict",
  grade: (evidence) => {
    const output = lastReview(evidence);
    if (output === undefined) return rejectFor(["no review has completed"]);
    const grave = (lastFindings(evidence) ?? []).some(({ severity }) => severity === "high" || severity === "critical");
    const verdict = String(output["verdict"]);
    return rejectFor(
      grave && verdict !== "fail"
        ? [`there is a grave finding, and the verdict is ${verdict}`]
        : !grave && verdict === "fail"
          ? ["nothing grave is reported, and the verdict is fail"]
          : [],
    );
  },
};

function lastReview({ runs }: Pick<Evidence, "runs">): Record<string, unknown> | undefined {
  return (
    runs.findLast(({ role, status, output }) => role === "reviewer" && status === "completed" && output !== null)
      ?.output ?? undefined
  );
}

function lastFindings(evidence: Pick<Evidence, "runs">): Finding[] | undefined {
  return lastReview(evidence)?.["findings"] as Finding[] | undefined;
}

const plain = (path: string): string => path.replace(/^\.\//, "");

function isSame(finding: Finding, { file, line, category, within = 2 }: ExpectedFinding): boolean {
  return plain(finding.file) === file && finding.category === category && Math.abs(finding.line - line) <= within;
}
