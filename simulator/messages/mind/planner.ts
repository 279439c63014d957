import { atPath, type Conversation } from "../conversation.ts";
import type { Reply } from "../reply.ts";
import { importsOf, type Project, readProject, testCommand, testsOf } from "./project.ts";
import { type Finding, findFix } from "./repair/find-fix.ts";
import { ability, understands } from "./task.ts";

const mostFiles = 12;

/** Reads the project, finds the bug and answers with a plan that proves it, fixes it and proves the fix. */
export function plannerReply(conversation: Conversation): Reply {
  const task = atPath(conversation.input, "task");
  if (typeof task !== "string" || !understands(task)) return noPlan(conversation, ability);
  const project = readProject(conversation);
  const can = (tool: string) => conversation.tools.has(tool);
  if (project.paths === undefined) {
    if (!can("list_directory")) return noPlan(conversation, "I cannot look at the project here.");
    return {
      text: "I look at what there is.",
      tool_uses: [{ name: "list_directory", input: { path: ".", depth: 3 } }],
    };
  }
  const tests = testsOf(project).slice(0, mostFiles);
  if (tests.length === 0) return noPlan(conversation, "There are no test files in this project.");
  const unread = wanted(project, tests).filter((path) => !project.files.has(path) && !project.unreadable.has(path));
  if (unread.length > 0 && can("read_file")) {
    return {
      text: "I read the tests and what they test.",
      tool_uses: unread.slice(0, mostFiles).map((path) => ({ name: "read_file", input: { path } })),
    };
  }
  // After a failed attempt the files are read anew: what it changed shows in them, and what it did not is still to do.
  const code = new Map([...project.files].filter(([path]) => /\.[cm]?js$/.test(path)));
  const finding = findFix(
    code,
    tests.filter((path) => code.has(path)),
  );
  return finding.kind === "fix" ? plan(finding, project, tests) : noPlan(conversation, `${capital(finding.reason)}.`);
}

// The tests, what they import, and what that imports.
function wanted(project: Project, tests: readonly string[]): string[] {
  const files = new Set<string>((project.paths ?? []).includes("package.json") ? ["package.json"] : []);
  let level = [...tests];
  for (let depth = 0; depth < 4 && level.length > 0; depth += 1) {
    for (const path of level) files.add(path);
    level = importsOf(project, level).filter((path) => !files.has(path));
  }
  return [...files];
}

type Fix = Extract<Finding, { kind: "fix" }>;

function plan({ path, content, what, failing, workedOut }: Fix, project: Project, tests: readonly string[]): Reply {
  const command = testCommand(project);
  const test = tests.find((one) => importsOf(project, [one]).includes(path)) ?? tests[0] ?? "";
  const whole = content.endsWith("\n") ? content : `${content}\n`;
  const names = failing.length === 0 ? "a test" : failing.map((name) => `"${name}"`).join(", ");
  return {
    output: {
      steps: [
        {
          step: 1,
          description: "Run the tests to see the failure",
          tool: "execute_command",
          args: { command },
          expected_output: "The tests fail",
          expect: { exit_code: 1 },
          depends_on: [],
        },
        {
          step: 2,
          description: `Read ${path}, which has the bug`,
          tool: "read_file",
          args: { path },
          expected_output: `The source of ${path}`,
          depends_on: [],
        },
        {
          step: 3,
          description: `Read ${test}, which says what is right`,
          tool: "read_file",
          args: { path: test },
          expected_output: "The tests",
          depends_on: [],
        },
        {
          step: 4,
          description: `Fix ${path}: ${what}`,
          tool: "write_file",
          args: { path, content: whole },
          expected_output: "The file is written",
          // Not before the failure was seen: the tests would otherwise run against the fix.
          depends_on: [1, 2, 3],
        },
        {
          step: 5,
          description: "Run the tests again",
          tool: "execute_command",
          args: { command },
          expected_output: "All tests pass",
          expect: { exit_code: 0 },
          depends_on: [4],
        },
        {
          step: 6,
          description: `Read ${path} as it is now`,
          tool: "read_file",
          args: { path },
          expected_output: "The fixed source",
          depends_on: [4],
        },
      ],
      reasoning: `In ${path}, ${what}. That is why ${names} fails.`,
      risks: workedOut
        ? ["The fix was worked out from the tests alone; behaviour that they do not cover may change."]
        : ["The tests could not be worked out by reading; the fix goes by how the code looks."],
    },
  };
}

// A plan without a change says that there is none. Where a plan must have steps, it has the one that does no harm.
function noPlan({ schema }: Conversation, reason: string): Reply {
  const least = Number(atPath(schema, "properties.steps.minItems") ?? 0);
  const look = {
    step: 1,
    description: "Look at the project",
    tool: "list_directory",
    args: { path: "." },
    expected_output: "The files",
    depends_on: [],
  };
  return { output: { steps: least > 0 ? [look] : [], reasoning: reason, risks: ["Nothing will be changed."] } };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
