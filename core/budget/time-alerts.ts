/**
 * How the time of a run goes by. Unlike what it spends, time also passes while nothing is done: whoever keeps the clock
 * looks at it when the next alert is due.
 */
export interface Clock {
  /** When the time began that ends with the deadline, epoch milliseconds. */
  since: number;
  /** The highest percentage that has been reported. */
  told: 0 | TimePercent;
}

const percents = [70, 90] as const;

type TimePercent = (typeof percents)[number];

export interface TimeAlert {
  percent: TimePercent;
  /** When it is due, epoch milliseconds. */
  at: number;
}

/** The alert that comes next. Null: all have been reported, or there is no time to go by. */
export function nextTimeAlert({ since, told }: Clock, deadline: number): TimeAlert | null {
  const percent = percents.find((one) => one > told);
  if (percent === undefined || deadline <= since) return null;
  return { percent, at: since + Math.ceil(((deadline - since) * percent) / 100) };
}
