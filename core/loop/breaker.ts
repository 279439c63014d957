import type { LoopLimits } from "./limits.ts";
import { countingAnew, emptyMemory, type Memory, remember } from "./memory.ts";
import type { Observation } from "./observation.ts";
import { type Pattern, patternOf } from "./patterns.ts";

const levels = ["warn", "replan", "pause", "stop"] as const;

export type LoopLevel = (typeof levels)[number];

/** A loop from its first detection until there is progress again. */
interface Episode {
  level: LoopLevel;
  /** Calls that carried the loop on since the level was reached. Null: whatever comes next is the next level. */
  since: number | null;
  /** Calls that brought something new since the loop was last seen. */
  fresh: number;
}

/** Plain JSON, of bounded size: it is carried over when a workflow continues as new. */
export interface BreakerState {
  memory: Memory;
  episode: Episode | null;
}

export type LoopVerdict =
  | { kind: "none" }
  | {
      kind: "loop";
      level: LoopLevel;
      pattern: Pattern["pattern"];
      tool: string;
      /** Identical answers, rounds begun, or calls without anything new. */
      times: number;
      /** Indices of the calls that show it, counted from 0 over the whole run; the last ten at most. */
      evidence: number[];
      reason: string;
    };

/** As many calls that bring something new close an episode: a single different call inside a loop does not. */
const progress = 3;

export function openBreaker(): BreakerState {
  return { memory: emptyMemory(), episode: null };
}

/**
 * Takes in one finished call and says whether the run is going in circles. The first detection warns; when it goes on for
 * another `limits.step` calls, the next level follows: replan, pause, stop.
 */
export function observe(
  state: BreakerState,
  observation: Observation,
  limits: LoopLimits,
): { state: BreakerState; verdict: LoopVerdict } {
  const { memory, novelty } = remember(state.memory, observation);
  const told = state.episode !== null && state.episode.since !== null;
  const pattern = patternOf(memory, observation, limits, told);
  if (pattern === null) {
    const episode = novelty === "new" ? nearerItsEnd(state.episode) : state.episode;
    return { state: { memory, episode }, verdict: { kind: "none" } };
  }
  const { episode, risen } = carriedOn(state.episode, pattern.waiting ? limits.stepWhileWaiting : limits.step);
  const { pattern: name, times, evidence, reason } = pattern;
  const verdict: LoopVerdict = risen
    ? { kind: "loop", level: episode.level, pattern: name, tool: observation.tool, times, evidence, reason }
    : { kind: "none" };
  return { state: { memory, episode }, verdict };
}

/** After the context was reset: the agent may look again at what it has seen. The next loop reaches the next level. */
export function afterReset(state: BreakerState): BreakerState {
  return { memory: countingAnew(state.memory, true), episode: atItsLevel(state.episode) };
}

/** After a person let the run go on: it gets as many calls as at its start, but the next loop reaches the next level. */
export function afterPause(state: BreakerState): BreakerState {
  return { memory: countingAnew(state.memory, false), episode: atItsLevel(state.episode) };
}

function atItsLevel(episode: Episode | null): Episode | null {
  return episode === null ? null : { level: episode.level, since: null, fresh: 0 };
}

function nearerItsEnd(episode: Episode | null): Episode | null {
  if (episode === null || episode.fresh + 1 >= progress) return null;
  return { ...episode, fresh: episode.fresh + 1 };
}

function carriedOn(episode: Episode | null, step: number): { episode: Episode; risen: boolean } {
  if (episode === null) return { episode: { level: "warn", since: 0, fresh: 0 }, risen: true };
  const since = episode.since === null ? step : episode.since + 1;
  if (since < step) return { episode: { ...episode, since, fresh: 0 }, risen: false };
  const next = levels[Math.min(levels.indexOf(episode.level) + 1, levels.length - 1)] ?? "stop";
  return { episode: { level: next, since: 0, fresh: 0 }, risen: true };
}
