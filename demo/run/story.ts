import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { lineDiff } from "../../core/text/line-diff.ts";
import { type Evidence, gatherEvidence } from "./evidence.ts";
import { type Ran, runIt, type StoryOptions } from "./perform.ts";
import { gistOf, runTests, type TestRun } from "./project-tests.ts";
import { proofsOf } from "./proofs.ts";
import { auditLines, planLines, proofLines, reviewLines } from "./report.ts";
import { chapterLines, diffLines } from "./show.ts";
import { finalTree } from "./watch-tree.ts";

/** Tells one run from its task to the proof. True when everything was as it should be. */
export async function tellRun(options: StoryOptions): Promise<boolean> {
  const { cast, screen, paint } = options;
  const since = Date.now();
  const ran = await runIt(options);
  const after = await runTests(options.folder);
  const evidence = await gatherEvidence(cast, ran.runId, options.stack.simulatorUrl, since);

  const chapter = (title: string, ...about: string[]) => screen.say(...chapterLines(title, about, paint));
  // Where nothing can be redrawn, the view was single lines.
  if (screen.sink.isTTY !== true || options.shell.env["TERM"] === "dumb") {
    chapter("The whole run, with what it used of its budget");
    screen.say(...(await finalTree(cast.requester, ran.runId, { width: 140, color: options.color })));
  }
  chapter("The plan, and what came of it");
  screen.say(...planLines(evidence.runs, paint));
  chapter("The review of the change");
  screen.say(...reviewLines(evidence.runs, paint));
  chapter("What has changed in the folder");
  const changed = await changes(options);
  for (const { path, diff } of changed)
    screen.say(`  ${paint("bold", path)}`, ...diffLines(diff, paint).map((line) => `  ${line}`));
  if (changed.length === 0) screen.say("  nothing");
  chapter("The tests afterwards, run here in the folder");
  screen.say(...gistOf(after).map((line) => `  ${line}`));
  chapter(
    "The audit trail",
    `${cast.auditor.email} (Auditor) looks at every entry with trace id ${evidence.traceId}.`,
    `What an agent did is a deed of ${cast.requester.email}, done through a run; the votes are ${cast.approver.email}'s.`,
  );
  screen.say(...auditLines(evidence, { requester: cast.requester.email, approver: cast.approver.email }));
  return verdict(options, ran, evidence, after, changed.length);
}

async function changes({ project, folder }: StoryOptions) {
  const found = [];
  for (const [path, content] of project.files) {
    const now = await readFile(join(folder, path), "utf8");
    if (now !== content) found.push({ path, diff: lineDiff(content, now) });
  }
  return found;
}

function verdict(
  { screen, paint, supervisor, before }: StoryOptions,
  { runId, exitCode, killed }: Ran,
  evidence: Evidence,
  after: TestRun,
  changed: number,
): boolean {
  const [root] = evidence.runs;
  const proofs = [
    { holds: !before.passed, claim: "the test failed before", seen: "node --test in the folder" },
    {
      holds: after.passed,
      claim: "all tests pass afterwards",
      seen: `node --test in the folder, ${changed} file changed`,
    },
    {
      holds: exitCode === 0 && root?.status === "completed",
      claim: "the run completed",
      seen: `${root?.status ?? "unknown"}, exit code ${exitCode} of powerloom run`,
    },
    ...proofsOf(evidence),
    ...(supervisor !== null
      ? [
          {
            holds: killed !== undefined && killed.progressAfter < 5,
            claim: "killed in the middle, it went on by itself",
            seen:
              killed === undefined
                ? "the run was over before"
                : `after ${killed.steps} steps; worker back after ${killed.againAfter} s, progress ${killed.progressAfter} s later`,
          },
        ]
      : []),
  ];
  screen.say(...chapterLines("What is proved", [], paint), ...proofLines(proofs, paint), "");
  screen.say(`  trace id  ${evidence.traceId}`, `  run       ${runId}`);
  return proofs.every(({ holds }) => holds);
}
