import type { LoopLimits } from "./limits.ts";
import { longestPeriod, type Memory } from "./memory.ts";
import type { Observation } from "./observation.ts";

/** What the latest calls amount to. */
export interface Pattern {
  pattern: "repeat" | "cycle" | "no_progress" | "stalled_poll";
  /** Identical answers, rounds begun, or calls without anything new. */
  times: number;
  evidence: number[];
  reason: string;
  /** Something is waited for: there is no hurry. */
  waiting: boolean;
}

/**
 * The pattern the latest observation completes or carries on, or null. `alreadyTold`: a loop was pointed out a moment
 * ago, so that fewer calls without anything new show that it goes on.
 */
export function patternOf(
  memory: Memory,
  observation: Observation,
  limits: LoopLimits,
  alreadyTold: boolean,
): Pattern | null {
  if (observation.waiting !== null) return stalledPoll(memory, observation, limits) ?? cycle(memory, limits);
  return repeat(memory, limits) ?? cycle(memory, limits) ?? noProgress(memory, observation, limits, alreadyTold);
}

function stalledPoll(memory: Memory, { pair, tool }: Observation, limits: LoopLimits): Pattern | null {
  const poll = memory.polls.find(({ key }) => key === pair);
  if (poll === undefined || poll.times < (memory.waitsBetween ? limits.pollsWithWaits : limits.polls)) return null;
  const reason = `${tool} has given the same answer ${poll.times} times, and it says to wait`;
  return { pattern: "stalled_poll", times: poll.times, evidence: poll.at, reason, waiting: true };
}

function repeat(memory: Memory, limits: LoopLimits): Pattern | null {
  const times = (memory.runs[0] ?? 0) + 1;
  if (times < limits.repeats) return null;
  const reason = `the same call has had the same answer ${times} times in a row`;
  return { pattern: "repeat", times, evidence: lastCalls(memory, times), reason, waiting: false };
}

/** The shortest period that fits. A cycle of nothing but waiting is left to the polls. */
function cycle(memory: Memory, limits: LoopLimits): Pattern | null {
  for (let period = 2; period <= longestPeriod; period += 1) {
    const calls = (memory.runs[period - 1] ?? 0) + period;
    const rounds = Math.ceil(calls / period);
    const waited = memory.waited.slice(-period);
    if (waited.every((waiting) => waiting)) continue;
    const waiting = waited.includes(true);
    if (rounds < (waiting ? limits.roundsWhileWaiting : limits.rounds)) continue;
    const reason = `the same ${period} calls with the same answers are in their round ${rounds}`;
    return { pattern: "cycle", times: rounds, evidence: lastCalls(memory, calls), reason, waiting };
  }
  return null;
}

function noProgress(
  memory: Memory,
  { tool, args }: Observation,
  limits: LoopLimits,
  alreadyTold: boolean,
): Pattern | null {
  const found = (times: number, evidence: number[], reason: string): Pattern => ({
    pattern: "no_progress",
    times,
    evidence,
    reason,
    waiting: false,
  });
  const { same, cause, stale } = memory;
  if (same.times >= limits.sameAnswers) {
    return found(same.times, same.at, `${tool} has given one answer to ${same.times} calls in a row`);
  }
  if (cause.times >= limits.sameFailures) {
    return found(cause.times, cause.at, `${cause.times} calls in a row have failed for one cause`);
  }
  const failure = memory.failures.find(({ key }) => key === args);
  if (failure !== undefined && failure.times >= limits.sameFailures) {
    const reason = `the same call has failed in the same way ${failure.times} times, whatever was done in between`;
    return found(failure.times, failure.at, reason);
  }
  if (stale < (alreadyTold ? limits.repeats : limits.fruitless)) return null;
  return found(stale, lastCalls(memory, stale), `the last ${stale} calls have brought nothing new`);
}

/** Indices of the last calls, the last ten at most. */
function lastCalls(memory: Memory, calls: number): number[] {
  const kept = Math.min(10, calls, memory.count);
  return Array.from({ length: kept }, (_, index) => memory.count - kept + index);
}
