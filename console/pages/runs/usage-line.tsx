import { Text } from "@mantine/core";
import { count } from "../../../core/text/figures.ts";
import type { RunState } from "./run-state.ts";
import classes from "./usage-line.module.css";

const width = 600;
const height = 120;
const warnings = [0.7, 0.9] as const;

/** Tokens used over time as a line, with the limit and where it is warned of, as far as they are near. */
export function UsageLine({ points, limit }: { points: RunState["usage"]; limit: number | undefined }) {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) return null;
  const most = Math.max(last.tokens * 1.15, limit !== undefined && last.tokens > limit * 0.5 ? limit * 1.05 : 0);
  const span = Math.max(1, last.at - first.at);
  const x = (at: number) => ((at - first.at) / span) * width;
  const y = (tokens: number) => height - (tokens / most) * height;
  // Steps, not slopes: tokens are used when an answer comes.
  const path = points
    .map(({ at, tokens }, index) => (index === 0 ? `M0 ${y(tokens)}` : `H${x(at).toFixed(1)} V${y(tokens).toFixed(1)}`))
    .join(" ");
  const lines = limit === undefined ? [] : [...warnings, 1].filter((share) => limit * share <= most);
  return (
    <figure className={classes["figure"]}>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        className={classes["chart"]}
        role="img"
        aria-label={`Tokens used over time, from ${count(first.tokens)} to ${count(last.tokens)}`}
      >
        <path d={`${path} V${height} H0 Z`} className={classes["area"]} />
        <path d={path} className={classes["line"]} vectorEffect="non-scaling-stroke" />
        {lines.map((share) => (
          <line
            key={share}
            x1={0}
            x2={width}
            y1={y((limit ?? 0) * share)}
            y2={y((limit ?? 0) * share)}
            className={classes[share === 1 ? "limit" : "warning"]}
            vectorEffect="non-scaling-stroke"
          />
        ))}
      </svg>
      <Text component="figcaption" size="xs" c="dimmed">
        Tokens over time
        {lines.length === 0 ? "" : `; lines at ${lines.map((share) => `${share * 100} %`).join(", ")} of the limit`}
      </Text>
    </figure>
  );
}
