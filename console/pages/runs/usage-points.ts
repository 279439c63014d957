import type { RunState, UsagePoint } from "./run-state.ts";

const mostPoints = 400;

/** When there are too many points they are put further apart, all of them: what is long ago is as fine as what is new. */
export function thinned({
  usage,
  usageEveryMs,
}: Pick<RunState, "usage" | "usageEveryMs">): Pick<RunState, "usage" | "usageEveryMs"> {
  let [points, everyMs] = [apart(usage, usageEveryMs), usageEveryMs];
  while (points.length > mostPoints) {
    everyMs *= 2;
    points = apart(points, everyMs);
  }
  return { usage: points, usageEveryMs: everyMs };
}

/** The last point of each stretch of time, and the very first. */
function apart(points: readonly UsagePoint[], everyMs: number): UsagePoint[] {
  const stretch = ({ at }: UsagePoint) => Math.floor(at / everyMs);
  return points.filter((point, index) => {
    const next = points[index + 1];
    return index === 0 || next === undefined || stretch(next) !== stretch(point);
  });
}
