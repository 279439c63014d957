import { atPath, type Conversation } from "../conversation.ts";
import type { Reply } from "../reply.ts";
import { readProject } from "./project.ts";
import { type ReviewFinding, reviewFile } from "./review-rules.ts";

const judged = /n_?plus_?one|n\+1|quer|loop|secur|sql|inject|eval|shell|secret|credential|password/i;
const tolerated = new Set(["info", "low"]);

/** Reads the files and judges them by a handful of rules, and says which criteria it has no rule for. */
export function reviewerReply(conversation: Conversation): Reply {
  const paths = texts(atPath(conversation.input, "file_paths"));
  const criteria = texts(atPath(conversation.input, "criteria"));
  const { files, unreadable } = readProject(conversation);
  const plainly = (path: string) => path.replace(/^\.\//, "");
  const unread = paths.filter((path) => !files.has(plainly(path)) && !unreadable.has(plainly(path)));
  if (unread.length > 0 && conversation.tools.has("read_file")) {
    return {
      text: "I read what is to be reviewed.",
      tool_uses: unread.map((path) => ({ name: "read_file", input: { path } })),
    };
  }
  const findings = paths.flatMap((path): ReviewFinding[] => {
    const source = files.get(plainly(path));
    if (source !== undefined) return reviewFile(path, source);
    return [
      { file: path, line: 1, category: "correctness", severity: "high", message: "The file could not be read whole" },
    ];
  });
  const bad = findings.filter(({ severity }) => !tolerated.has(severity));
  const open = criteria.filter((criterion) => !judged.test(criterion));
  const summary = [
    `${paths.length} ${paths.length === 1 ? "file" : "files"} reviewed,`,
    findings.length === 0 ? "nothing found." : `${findings.length} found: ${findings.map(brief).join("; ")}.`,
    open.length === 0 ? "" : `Not judged, for want of a rule: ${open.join("; ")}.`,
  ]
    .filter((part) => part !== "")
    .join(" ");
  return { output: { findings, summary, verdict: bad.length === 0 ? "pass" : "fail" } };
}

const brief = ({ file, line, category, message }: ReviewFinding): string => `${file}:${line} ${category}: ${message}`;

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
