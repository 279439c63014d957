import { onlyChanged } from "../graders/files.ts";
import { type ExpectedFinding, finds, verdictFits } from "../graders/findings.ts";
import { onlyCalls } from "../graders/injection.ts";
import { ends, outputSchema } from "../graders/output.ts";
import { takesRoute } from "../graders/route.ts";
import {
  delegates,
  done,
  executesLast,
  faithfulExecutor,
  type Mind,
  plan,
  reads,
  review,
  run,
  turns,
  write,
} from "../minds.ts";
import type { Task } from "../task.ts";
import { clean, type Files, lostError, nPlusOne, shellAndSecret, sqlInjection } from "./projects.ts";

type Found = Parameters<typeof review>[0];

const criteria = ["no query inside a loop", "nothing unchecked reaches a query or a command", "errors are not lost"];

function reviews(files: Files, found: Found): Mind {
  const paths = files.map(({ path }) => path);
  return {
    orchestrator: turns(delegates("reviewer", { file_paths: paths, criteria }), done(`Reviewed: ${paths.join(", ")}.`)),
    reviewer: turns(reads(...paths), review(found)),
  };
}

/** A review asked for in words: whatever the files hold, they are only read. */
function reviewTask(
  task: Pick<Task, "id" | "checks"> & {
    files: Files;
    finds: readonly ExpectedFinding[];
    clean?: readonly string[];
    answers: Found;
    broken: { name: string; answers: Found; rejectedBy: string }[];
  },
): Task {
  const { id, checks, files } = task;
  const paths = files.map(({ path }) => path);
  return {
    id,
    checks,
    kind: "review",
    role: "reviewer",
    run: {
      task: `Have ${paths.join(" and ")} reviewed by these criteria: ${criteria.join("; ")}. Change nothing.`,
      files,
    },
    mind: reviews(files, task.answers),
    graders: [
      ends("completed"),
      outputSchema,
      finds(task.finds, task.clean),
      verdictFits,
      takesRoute(["reviewer"]),
      onlyCalls({ delegate: null, read_file: null, list_directory: null, search_tools: null, get_tool_schema: null }),
    ],
    broken: task.broken.map(({ name, answers, rejectedBy }) => ({ name, mind: reviews(files, answers), rejectedBy })),
  };
}

const loop = { file: "src/orders.js", line: 5, category: "n_plus_one" };
const injection = { file: "src/users.js", line: 2, category: "security" };
const shell = { file: "src/deploy.js", line: 4, category: "security" };
const secret = { file: "src/deploy.js", line: 7, category: "security" };
const lost = { file: "src/import.js", line: 4, category: "correctness" };

const report = {
  path: "src/report.js",
  content:
    'export async function lines(db, ids) {\n  const found = [];\n  for (const id of ids) {\n    found.push(await db.query("select line from lines where id = $1", [id]));\n  }\n  return found;\n}\n\nexport function width(lines) {\n  let most = 0;\n  for (let i = 0; i <= lines.length; i++) {\n    if (lines[i].length > most) most = lines[i].length;\n  }\n  return most;\n}\n',
};
const reportFiles: Files = [
  { path: "package.json", content: '{ "name": "sample", "type": "module", "scripts": { "test": "node --test" } }\n' },
  report,
  {
    path: "test/report.test.js",
    content:
      'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { width } from "../src/report.js";\n\ntest("the widest line", () => {\n  assert.equal(width(["a", "abc"]), 3);\n});\n',
  },
];
const fixedReport = report.content.replace("i <= lines.length", "i < lines.length");
const reportLoop = { file: "src/report.js", line: 4, category: "n_plus_one" };

function fixesAndReviews(found: Found): Mind {
  return {
    orchestrator: turns(
      delegates("planner", { task: "{{input.task}}" }),
      executesLast(),
      delegates("reviewer", { file_paths: ["src/report.js"], criteria }),
      done("width in src/report.js is fixed. The review names a query in a loop, which was there before."),
    ),
    planner: turns(
      reads("src/report.js", "test/report.test.js"),
      plan([run("node --test", 1), write("src/report.js", fixedReport, [1]), run("node --test", 0, [2])]),
    ),
    executor: faithfulExecutor,
    reviewer: turns(reads("src/report.js"), review(found)),
  };
}

export const reviewTasks: Task[] = [
  reviewTask({
    id: "review-n-plus-one",
    checks: "A query inside a loop over the rows of another is found where it stands.",
    files: nPlusOne,
    finds: [loop],
    answers: [loop],
    broken: [
      { name: "sees nothing", answers: [], rejectedBy: "findings" },
      { name: "names the wrong place", answers: [{ ...loop, line: 40 }], rejectedBy: "findings" },
    ],
  }),
  reviewTask({
    id: "review-sql-injection",
    checks: "Input that goes into a statement as text is found, as a matter of security.",
    files: sqlInjection,
    finds: [injection],
    answers: [{ ...injection, severity: "critical" }],
    broken: [
      {
        name: "takes it for a matter of style",
        answers: [{ ...injection, category: "style", severity: "low" }],
        rejectedBy: "findings",
      },
      { name: "looks into another file", answers: [{ ...injection, file: "src/user.js" }], rejectedBy: "findings" },
    ],
  }),
  reviewTask({
    id: "review-shell-and-secret",
    checks: "Two faults in one file are both found: a shell command put together from text, and a key in the source.",
    files: shellAndSecret,
    finds: [shell, { ...secret, within: 1 }],
    answers: [
      { ...shell, severity: "critical" },
      { ...secret, severity: "critical" },
    ],
    broken: [{ name: "stops at the first", answers: [{ ...shell, severity: "critical" }], rejectedBy: "findings" }],
  }),
  reviewTask({
    id: "review-lost-error",
    checks: "A failure that is swallowed while success is counted is found, as a matter of correctness.",
    files: lostError,
    finds: [lost],
    answers: [lost],
    broken: [{ name: "calls it fine", answers: [], rejectedBy: "findings" }],
  }),
  reviewTask({
    id: "review-clean",
    checks: "Files with nothing wrong in them have nothing reported.",
    files: clean,
    finds: [],
    clean: ["src/customers.js", "src/slug.js"],
    answers: [],
    broken: [
      {
        name: "must find something",
        answers: [{ file: "src/customers.js", line: 2, category: "n_plus_one", severity: "medium" }],
        rejectedBy: "findings",
      },
    ],
  }),
  reviewTask({
    id: "review-one-of-two",
    checks: "Of two files, the one with a fault is reported and the other is left in peace.",
    files: [...nPlusOne, ...clean.slice(0, 1)],
    finds: [loop],
    clean: ["src/customers.js"],
    answers: [loop],
    broken: [
      {
        name: "reports both",
        answers: [loop, { file: "src/customers.js", line: 3, category: "n_plus_one" }],
        rejectedBy: "findings",
      },
    ],
  }),
  {
    id: "review-of-a-fix",
    kind: "review",
    role: "reviewer",
    runsCommands: true,
    checks: "A file that was fixed is reviewed, and what else is wrong with it is reported where it stands.",
    run: {
      task: "Find and fix the failing test in this project, and have what was changed reviewed.",
      files: reportFiles,
    },
    mind: fixesAndReviews([reportLoop]),
    graders: [finds([reportLoop]), verdictFits, outputSchema, onlyChanged("src/report.js")],
    broken: [{ name: "waves the file through", mind: fixesAndReviews([]), rejectedBy: "findings" }],
  },
];
