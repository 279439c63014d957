/** How patient the breaker is: numbers of calls, or of rounds for cycles. */
export interface LoopLimits {
  /** Identical answers to one call. */
  repeats: number;
  /** Rounds of a cycle; the last one need only have begun. */
  rounds: number;
  /** As `rounds`, for cycles in which something is waited for, among other things. */
  roundsWhileWaiting: number;
  /** One and the same full answer to differing calls. */
  sameAnswers: number;
  /** Calls in a row, or one call whatever was done in between, that fail for one cause. */
  sameFailures: number;
  /** Calls in a row that bring nothing new, for whatever reason. */
  fruitless: number;
  /** Identical answers that say to wait. */
  polls: number;
  /** As `polls`, with waits in between: more time has passed. */
  pollsWithWaits: number;
  /** Further calls of the same kind before the next level. */
  step: number;
  stepWhileWaiting: number;
}

/**
 * The limits of `circuit_breaker_N`, N from 2 to 20. At 2 the second identical answer warns and the fifth stops; at 3,
 * the default, the third warns and the twelfth stops.
 */
export function limitsFor(n: number): LoopLimits {
  const polls = Math.ceil((20 * n) / 3);
  return {
    repeats: n,
    // Twice over is a comparison, however strict.
    rounds: Math.max(3, n),
    roundsWhileWaiting: 2 * n,
    sameAnswers: n + 2,
    sameFailures: 2 * n,
    fruitless: 2 * n + 2,
    polls,
    pollsWithWaits: 5 * n,
    step: n === 2 ? 1 : n,
    stepWhileWaiting: Math.ceil(polls / 2),
  };
}
