import { type Answer, isEmptyAnswer, isFullAnswer, readAnswer, stateIn, wordsOf } from "./answers.ts";
import { type Cause, causeOf } from "./causes.ts";
import { answerText, jsonIn, normaliseArguments } from "./normalise.ts";
import { asks, asksForState, commandOf, onlyWaits, showsContent } from "./questions.ts";

/** The facts of one call that the loop breaker judges by: fingerprints of at most 64 characters, and what kind of answer it was. */
export interface Observation {
  tool: string;
  /** The tool and its normalised arguments. */
  args: string;
  /** The normalised answer, without what means nothing when the same is asked again. */
  result: string;
  /** Tool, arguments and result as one. */
  pair: string;
  /** The tool and its answer nearly letter by letter, to compare answers to different arguments. */
  answer: string;
  /** Changes something, or may. Doing so with new arguments is progress when it succeeds. */
  acts: boolean;
  failed: boolean;
  /** Why it brought nothing: a refusal, a cause of the system, or an empty answer to a question. */
  fruitless: string | null;
  /** A miss while looking for something, of which more are normal. */
  looking: boolean;
  /** Long enough that the same answer to another question is no coincidence. */
  full: boolean;
  /** An answer that says to wait, or a call that only waits. */
  waiting: "poll" | "wait" | null;
}

/**
 * Reads the facts off a call. `hash` gives a fingerprint of a text (SHA-256 in hex). `readOnly` is what is known of the
 * tool; without it, it is judged by its name or its command. Linear in the length of the texts; never throws.
 */
export function observationOf(
  tool: string,
  args: Record<string, unknown>,
  resultText: string,
  error: boolean,
  hash: (text: string) => string,
  readOnly?: boolean,
): Observation {
  const fingerprint = (...texts: string[]) => hash(texts.join("\0")).slice(0, 64);
  const acts = !asks(tool, args, readOnly);
  const answer = readAnswer(resultText);
  const words = wordsOf(answer);
  const empty = !acts && !error && isEmpty(answer, args);
  const failed = !empty && (error || hasFailed(answer));
  const why = failed ? causeOf(words, error ? "refused" : answer.exitCode === null ? "reported" : "command") : null;
  const waiting = waits(tool, args, { ...answer, words, failed, error, why });
  const call = fingerprint("args", tool, normaliseArguments(tool, args));
  const result = fingerprint("result", answerText(resultText, { strings: "shapes", withoutIds: acts }));
  return {
    tool: tool.slice(0, 64),
    args: call,
    result,
    pair: fingerprint("pair", call, result),
    answer: fingerprint("answer", tool, answerText(resultText, { strings: "verbatim", echoes: args })),
    acts,
    failed,
    fruitless: waiting === null && (why !== null || empty) ? fingerprint("why", why?.name ?? "empty") : null,
    looking: empty || (why?.looking ?? false),
    full: !empty && isFullAnswer(answer),
    waiting,
  };
}

/** A search command that finds nothing says so by its exit code, without a word. */
function isEmpty(answer: Answer, args: Record<string, unknown>): boolean {
  if (answer.exitCode === null) return isEmptyAnswer(answer, args);
  return answer.exitCode <= 1 && wordsOf(answer).trim() === "";
}

function hasFailed({ value, exitCode }: Answer): boolean {
  if (exitCode !== null) return exitCode !== 0;
  if (value === undefined) return false;
  const { status, error, ok, success }: Partial<Record<string, unknown>> = { ...value };
  if (ok === false || success === false || (typeof error === "string" && error !== "")) return true;
  if (typeof status === "number") return status >= 400 && status < 600;
  return typeof status === "string" && /^(?:failed|failure|error|stopped|cancell?ed)$/i.test(status);
}

interface Said extends Answer {
  words: string;
  failed: boolean;
  error: boolean;
  why: Cause | null;
}

const comeBackLater =
  /\bretry[- ]after\b|\btry again (?:later|in|after)\b|\btoo many requests\b|\brate[- ]limit|\b(?:temporarily|service) unavailable\b|\b503\b|\bnot (?:yet )?ready\b|\bin[ _-]progress\b|\bstarting up\b|\bcould not get lock\b/i;
const underWay =
  /(?<![a-z])(?:pending|queued|in[ _-]progress|waiting|awaiting|not (?:yet )?ready|containercreating|activating|starting|provisioning|progressing|deploying|still \w+ing)(?![a-z])|\bis (?:running|building|processing|creating|updating)\b|\b(?:status|state|phase)\W{1,4}(?:running|building|processing|creating|updating)\b|\b\d{1,3}(?:\.\d+)? ?% (?:done|complete)/i;
const overAndDone =
  /\b(?:ok|up|done|success\w*|succeeded|completed?|finished|passed|fail\w*|error|cancell?ed|healthy|active|ready|refused|denied|not found|stopped|exited|deployed|live|true|200)\b/i;
const awaitsPerson =
  /\b(?:waits?|waiting|awaiting|pending|undecided|not (?:yet )?(?:been )?(?:decided|approved)|approval (?:is )?(?:required|needed)|(?:requires|needs) (?:an? )?approval)\b/i;
const refusedForGood = /\b(?:refused|denied|rejected|not allowed|does not change)\b/i;
/** Output that is about one thing, not a report that happens to hold such a word. */
const briefly = 600;

function waits(tool: string, args: Record<string, unknown>, said: Said): Observation["waiting"] {
  if (!said.failed && onlyWaits(tool, args)) return "wait";
  return saysToWait(tool, args, said) ? "poll" : null;
}

function saysToWait(tool: string, args: Record<string, unknown>, said: Said): boolean {
  const { value, words, failed, error, why } = said;
  if (error)
    return (
      words.length < 2000 && !refusedForGood.test(words) && (comeBackLater.test(words) || awaitsPerson.test(words))
    );
  if (showsContent(tool, args) || words.length > 2000) return false;
  if (failed)
    return said.exitCode !== null && why === null && (comeBackLater.test(words) || namesNoEnd(tool, args, words));
  const output = jsonIn(words.trim());
  const state = stateIn(output ?? value ?? {});
  if (state !== null) return state === "waiting";
  const command = commandOf(args);
  if (command === null && value !== undefined) return false;
  if (words.length > briefly) return false;
  if (underWay.test(words) || partOfWhole(words) || /\bsleep \d/.test(command ?? "")) return true;
  return namesNoEnd(tool, args, words);
}

/** A question how far something has come, and an answer that is none of the ways it can end. */
function namesNoEnd(tool: string, args: Record<string, unknown>, words: string): boolean {
  if (words.length > briefly || words.trim() === "") return false;
  return asksForState(tool, args) && !overAndDone.test(words);
}

/** `1/3` replicas, but neither `[1/3]` steps of a build nor dates. */
function partOfWhole(words: string): boolean {
  const part = /(?<![[\d/.-])(\d{1,6})\/(\d{1,6})(?![\d/\]])/.exec(words);
  return part !== null && Number(part[1]) < Number(part[2]);
}
