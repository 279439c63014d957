import type { Observation } from "./observation.ts";

/** Longest cycle looked for, in calls. */
export const longestPeriod = 6;
const remembered = 128;
const evidenceKept = 10;
const followed = 8;

/** How often one thing came back, and at which calls (the last few). */
interface Tally {
  key: string;
  times: number;
  at: number[];
}

/** What the breaker remembers of the calls so far. Bounded, however long the run. */
export interface Memory {
  /** Observations so far: the index of the next. */
  count: number;
  /** Pairs of the last calls, newest last. */
  recent: string[];
  /** For each period from 1 on: how many calls in a row were as the one a period before. */
  runs: number[];
  /** Whether each of the last calls was waiting, newest last. */
  waited: boolean[];
  /** Arguments of acts, answers and pairs since the context was last reset, newest last. */
  seen: string[];
  /** The same from before that. To come across these again is no progress, but no fault the first time. */
  known: string[];
  /** Calls in a row that brought nothing new. Those that wait do not count, nor do they break the row. */
  stale: number;
  /** One answer in a row to differing calls. */
  same: Tally;
  /** Failures in a row for one cause. */
  cause: Tally;
  /** Calls whose last answer was a failure: how often it has been that one. */
  failures: (Tally & { result: string })[];
  /** Identical answers that say to wait, since something last moved. */
  polls: Tally[];
  waitsBetween: boolean;
}

export type Novelty = "new" | "known" | "nothing_new";

const noTally: Tally = { key: "", times: 0, at: [] };

export function emptyMemory(): Memory {
  return {
    count: 0,
    recent: [],
    runs: Array.from({ length: longestPeriod }, () => 0),
    waited: [],
    seen: [],
    known: [],
    stale: 0,
    same: noTally,
    cause: noTally,
    failures: [],
    polls: [],
    waitsBetween: false,
  };
}

/** Keeps what is known and forgets how often: what was repeated before does not count any more. */
export function countingAnew(memory: Memory, contextLost: boolean): Memory {
  const { count, seen, known } = memory;
  if (!contextLost) return { ...emptyMemory(), count, seen, known };
  return { ...emptyMemory(), count, known: addedTo(known, seen) };
}

/** Takes in one more observation. */
export function remember(memory: Memory, observation: Observation): { memory: Memory; novelty: Novelty } {
  const novelty = noveltyOf(memory, observation);
  const { count } = memory;
  const { pair, answer, args, fruitless, looking, failed, acts, full, waiting } = observation;
  const isNew = novelty === "new";
  const idle = waiting !== null;
  const next: Memory = {
    count: count + 1,
    recent: [...memory.recent, pair].slice(-longestPeriod),
    runs: memory.runs.map((run, index) => (memory.recent.at(-1 - index) === pair ? run + 1 : 0)),
    waited: [...memory.waited, idle].slice(-longestPeriod),
    seen: addedTo(memory.seen, acts ? [pair, answer, args] : [pair, answer]),
    known: memory.known,
    stale: isNew ? 0 : memory.stale + (idle || novelty === "known" ? 0 : 1),
    same: idle ? memory.same : full && (failed || !acts) ? tallied(memory.same, answer, count) : noTally,
    cause: idle ? memory.cause : fruitless === null || looking ? noTally : tallied(memory.cause, fruitless, count),
    failures: idle ? memory.failures : withFailure(memory.failures, observation, count),
    polls: isNew ? [] : memory.polls,
    waitsBetween: !isNew && (memory.waitsBetween || waiting === "wait"),
  };
  return { memory: idle ? { ...next, polls: withPoll(next.polls, pair, count) } : next, novelty };
}

function noveltyOf(
  memory: Memory,
  { pair, answer, args, fruitless, failed, acts, full, waiting }: Observation,
): Novelty {
  if (fruitless !== null || waiting === "wait") return "nothing_new";
  const seen = (key: string) => memory.seen.includes(key);
  const known = (key: string) => memory.known.includes(key);
  if (acts && !failed && !seen(args)) return known(args) ? "known" : "new";
  if (seen(pair) || seen(answer)) {
    // A short answer that came to another question, too, tells nothing either way.
    return !seen(pair) && !full && !failed ? "known" : "nothing_new";
  }
  return known(pair) || known(answer) ? "known" : "new";
}

function tallied(tally: Tally, key: string, index: number): Tally {
  if (tally.key !== key) return { key, times: 1, at: [index] };
  return { key, times: tally.times + 1, at: [...tally.at, index].slice(-evidenceKept) };
}

function withFailure(failures: Memory["failures"], { args, result, failed }: Observation, index: number) {
  const before = failures.find((failure) => failure.key === args);
  const others = failures.filter((failure) => failure !== before);
  if (!failed) return others;
  const goesOn = before?.result === result ? before : noTally;
  return [...others, { ...tallied(goesOn, args, index), result }].slice(-followed);
}

function withPoll(polls: Tally[], pair: string, index: number): Tally[] {
  const before = polls.find((poll) => poll.key === pair) ?? noTally;
  return [...polls.filter((poll) => poll !== before), tallied(before, pair, index)].slice(-followed);
}

function addedTo(keys: string[], added: readonly string[]): string[] {
  return [...keys.filter((key) => !added.includes(key)), ...added].slice(-remembered);
}
