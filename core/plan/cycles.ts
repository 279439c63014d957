/** What a step waits for. Numbers are those of steps. */
export type Dependencies = ReadonlyMap<number, readonly number[]>;

/** The circles among dependencies that can never be met, each as the steps on it. Without recursion. */
export function cyclesIn(dependencies: Dependencies): number[][] {
  const waiting = new Map(
    [...dependencies].map(([step, needs]) => [step, needs.filter((need) => dependencies.has(need))]),
  );
  const cycles: number[][] = [];
  while (true) {
    settleAll(waiting);
    const [first] = waiting.keys();
    if (first === undefined) return cycles;
    const cycle = cycleFrom(first, waiting);
    cycles.push(cycle);
    for (const step of cycle) waiting.delete(step);
  }
}

/** Takes out, again and again, what waits for nothing that is left. */
function settleAll(waiting: Map<number, number[]>): void {
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [step, needs] of waiting) if (!needs.some((need) => waiting.has(need))) waiting.delete(step);
  }
}

/** Everything left waits for something left: following it comes back to where it has been. */
function cycleFrom(first: number, waiting: ReadonlyMap<number, readonly number[]>): number[] {
  const seen: number[] = [];
  for (let at = first; ; ) {
    const back = seen.indexOf(at);
    if (back !== -1) return seen.slice(back);
    seen.push(at);
    at = waiting.get(at)?.find((need) => waiting.has(need)) ?? first;
  }
}
