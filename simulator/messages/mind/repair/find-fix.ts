import { parseModule } from "../javascript/parse.ts";
import { type Effort, readTests, type TestResult } from "../javascript/run-tests.ts";
import type { Node } from "../javascript/syntax.ts";
import { Unsupported } from "../javascript/unsupported.ts";
import { callEdits, returnEdits } from "./calls.ts";
import { applyEdit, type Edit, visits } from "./edit.ts";
import { numberEdits } from "./numbers.ts";
import { operatorEdits } from "./operators.ts";
import { valueEdits } from "./values.ts";

/** The files of a project that were read, by path. */
export type Files = ReadonlyMap<string, string>;

export type Finding =
  | { kind: "fix"; path: string; content: string; what: string; failing: string[]; workedOut: boolean }
  | { kind: "none"; reason: string };

const mostCandidates = 1_500;
/** About a second of reading, and more than a hundred times what the tests of a small project take. */
const mostSteps = 2_000_000;
const stepsPerReading = 20_000;

/**
 * Looks for one small edit of the sources after which all tests hold. The tests are worked out by reading; where that is
 * beyond the reader, only an edit that is convincing by itself is proposed.
 */
export function findFix(files: Files, tests: readonly string[]): Finding {
  const modules = new Map<string, Node[]>();
  const unread: string[] = [];
  for (const [path, source] of files) {
    try {
      modules.set(path, parseModule(source));
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      unread.push(`${path} (${error.message})`);
    }
  }
  const effort: Effort = { left: mostSteps, perReading: stepsPerReading };
  const work = (changed: ReadonlyMap<string, Node[]>) =>
    tests.flatMap((path) => readTests(path, changed, resolvePath, effort));
  const before = work(modules);
  const failing = before.filter(({ status }) => status === "fail").map(({ name }) => name);
  const stuck = before.filter(({ status }) => status === "unknown");
  if (before.length > 0 && failing.length === 0 && stuck.length === 0) {
    return { kind: "none", reason: "as far as I can work out by reading, all tests hold" };
  }

  const candidates = [...modules.keys()]
    .filter((path) => !tests.includes(path))
    .flatMap((path) => candidatesIn(path, modules.get(path) ?? [], files.get(path) ?? ""))
    .toSorted((a, b) => a.edit.rank - b.edit.rank)
    .slice(0, mostCandidates);
  for (const { path, content, edit } of candidates) {
    if (effort.left <= 0) break;
    const nodes = tryParse(content);
    if (nodes === undefined) continue;
    if (holds(before, work(new Map([...modules, [path, nodes]])))) {
      return { kind: "fix", path, content, what: edit.what, failing, workedOut: true };
    }
  }
  const certain = failing.length === 0 ? candidates.find(({ edit }) => edit.certain === true) : undefined;
  if (certain !== undefined) {
    const { path, content, edit } = certain;
    return { kind: "fix", path, content, what: edit.what, failing, workedOut: false };
  }
  const beyond = [...unread, ...stuck.map(({ name, message }) => `${name} (${message})`)];
  return {
    kind: "none",
    reason:
      beyond.length > 0
        ? `I cannot work out ${beyond.slice(0, 3).join(", ")}`
        : `no single small change that I know of makes ${failing.slice(0, 3).join(", ")} hold`,
  };
}

interface Candidate {
  path: string;
  content: string;
  edit: Edit;
}

function candidatesIn(path: string, nodes: readonly Node[], source: string): Candidate[] {
  const candidates: Candidate[] = [];
  for (const visit of visits(nodes, source)) {
    for (const kind of [operatorEdits, valueEdits, callEdits, returnEdits, numberEdits]) {
      for (const edit of kind(visit)) candidates.push({ path, content: applyEdit(source, edit), edit });
    }
  }
  return candidates;
}

function tryParse(source: string): Node[] | undefined {
  try {
    return parseModule(source);
  } catch (error) {
    if (error instanceof Unsupported) return undefined;
    throw error;
  }
}

// Everything that could be worked out holds now, and something did not before.
function holds(before: readonly TestResult[], after: readonly TestResult[]): boolean {
  const once = new Map(before.map(({ name, status }) => [name, status]));
  const better = after.some(({ name, status }) => status === "pass" && once.get(name) !== "pass");
  const undecided = new Set(before.filter(({ status }) => status === "unknown").map(({ name }) => name));
  return (
    better && after.every(({ name, status }) => status === "pass" || (status === "unknown" && undecided.has(name)))
  );
}

/** The path that an import means, from the file it is in. */
export function resolvePath(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}
