/** Middle and tail of a set of durations, milliseconds. */
export interface Summary {
  p50: number;
  p95: number;
  p99: number;
  count: number;
}

/** Nearest-rank percentiles: every figure printed was really measured. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), count: sorted.length };
}

export function median(values: readonly number[]): number {
  return summarise(values).p50;
}

/** How long `body` took, milliseconds. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await body();
  return performance.now() - started;
}

/** Durations of `count` runs, one after the other. */
export async function sequence(count: number, body: (index: number) => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) samples.push(await timed(() => body(index)));
  return samples;
}

/** Completions a second with `width` in flight. */
export async function throughput(count: number, width: number, body: (index: number) => Promise<unknown>) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      next += 1;
      await body(next);
    }
  };
  const took = await timed(() => Promise.all(Array.from({ length: width }, lane)));
  return (count * 1000) / took;
}

/**
 * One round of each in turn, again and again: what disturbs this machine meanwhile hits all of them alike. The first
 * round warms up and is thrown away.
 */
export async function interleaved<Result>(
  rounds: number,
  bodies: readonly ((round: number) => Promise<Result>)[],
): Promise<Result[][]> {
  const results: Result[][] = bodies.map(() => []);
  for (let round = 0; round <= rounds; round += 1)
    for (const [index, body] of bodies.entries()) {
      const result = await body(round);
      if (round > 0) results[index]?.push(result);
    }
  return results;
}
