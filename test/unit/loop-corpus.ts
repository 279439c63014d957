import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { z } from "zod";
import { type LoopLevel, type LoopVerdict, observe, openBreaker } from "../../core/loop/breaker.ts";
import { limitsFor } from "../../core/loop/limits.ts";
import { type Observation, observationOf } from "../../core/loop/observation.ts";

const call = z.object({
  tool: z.string(),
  args: z.record(z.string(), z.unknown()),
  result: z.unknown(),
  error: z.boolean(),
});

const behaviour = z.object({
  name: z.string(),
  looping: z.boolean(),
  kind: z.string(),
  loops_from: z.int().optional(),
  observations: z.array(call),
});

export type Behaviour = z.infer<typeof behaviour>;
export type Detection = Extract<LoopVerdict, { kind: "loop" }> & { index: number };

const corpus = new URL("../fixtures/loops/", import.meta.url);
const seriousness: readonly LoopLevel[] = ["warn", "replan", "pause", "stop"];

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export function behavioursOf(half: "tuning" | "held-out"): Behaviour[] {
  const folder = new URL(`${half}/`, corpus);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => behaviour.parse(JSON.parse(readFileSync(new URL(file, folder), "utf8"))));
}

export function observationsOf({ observations }: Behaviour): Observation[] {
  return observations.map(({ tool, args, result, error }) =>
    observationOf(tool, args, typeof result === "string" ? result : JSON.stringify(result), error, sha256),
  );
}

/** What the breaker says of a whole behaviour, with nobody taking any notice. */
export function detectionsIn(calls: readonly Observation[], n: number): Detection[] {
  let state = openBreaker();
  return calls.flatMap((observation, index) => {
    const seen = observe(state, observation, limitsFor(n));
    state = seen.state;
    return seen.verdict.kind === "loop" ? [{ ...seen.verdict, index }] : [];
  });
}

export function highestLevel(detections: readonly Detection[]): LoopLevel | null {
  return seriousness.findLast((level) => detections.some((detection) => detection.level === level)) ?? null;
}

export interface Figures {
  half: string;
  looping: number;
  detected: number;
  missed: string[];
  /** Calls between the one at which a person would call it a loop and the first warning. Negative: earlier. */
  delays: number[];
  healthy: number;
  /** Behaviours by the highest level they reached. */
  warned: string[];
  replanned: string[];
  /** Paused or stopped, though healthy. */
  falseStops: string[];
}

export function figuresOf(half: "tuning" | "held-out", n: number): Figures {
  const seen = behavioursOf(half).map((one) => ({ ...one, detections: detectionsIn(observationsOf(one), n) }));
  const looping = seen.filter((one) => one.looping);
  const healthy = seen.filter((one) => !one.looping);
  const reaching = (...levels: LoopLevel[]) =>
    healthy
      .filter(({ detections }) => levels.some((level) => level === highestLevel(detections)))
      .map(({ name }) => name);
  return {
    half,
    looping: looping.length,
    detected: looping.filter(({ detections }) => detections.length > 0).length,
    missed: looping.filter(({ detections }) => detections.length === 0).map(({ name }) => name),
    delays: looping.flatMap(({ detections: [first], loops_from: from }) =>
      first === undefined || from === undefined ? [] : [first.index - from],
    ),
    healthy: healthy.length,
    warned: reaching("warn"),
    replanned: reaching("replan"),
    falseStops: reaching("pause", "stop"),
  };
}
