import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkPlan, type PlanRules } from "../../core/plan/plan.ts";
import { replacePending } from "../../core/plan/replan.ts";
import { advance, openProgress, outcome, type Progress, ready, type ScheduledStep } from "../../core/plan/schedule.ts";

const chain: ScheduledStep[] = [
  { step: 1, dependsOn: [] },
  { step: 2, dependsOn: [1] },
  { step: 3, dependsOn: [2] },
  { step: 4, dependsOn: [] },
];
const go = (
  steps: readonly ScheduledStep[],
  progress: Progress,
  ...events: [kind: "started" | "done" | "failed", step: number][]
) =>
  events.reduce((before, [kind, step]) => {
    const after = advance(steps, before, { kind, step });
    if (!after.applied) throw new Error(after.reason);
    return after.progress;
  }, progress);

describe("a schedule", () => {
  test("starts what waits for nothing, lowest number first, as many as may run", () => {
    const open = openProgress(chain);
    expect(ready(chain, open, 5)).toEqual([1, 4]);
    expect(ready(chain, open, 1)).toEqual([1]);
    expect(ready(chain, go(chain, open, ["started", 1]), 1)).toEqual([]);
    expect(ready(chain, go(chain, open, ["started", 1], ["done", 1]), 2)).toEqual([2, 4]);
    expect(ready(chain, open, 0)).toEqual([]);
  });

  test("skips all that depends on a failed step, at any distance, and finishes the rest", () => {
    const failed = advance(chain, go(chain, openProgress(chain), ["started", 4], ["started", 1]), {
      kind: "failed",
      step: 1,
    });
    expect(failed).toMatchObject({ applied: true, skipped: [2, 3] });
    expect(outcome(chain, failed.progress)).toEqual({ kind: "open" });
    const end = go(chain, failed.progress, ["done", 4]);
    expect(outcome(chain, end)).toEqual({ kind: "failed", failed: [1], skipped: [2, 3] });
  });

  test.each<[string, ["started" | "done" | "failed", number][], ["started" | "done" | "failed", number], string]>([
    ["an end before a start", [], ["done", 1], "step 1 is pending, not running"],
    ["a second start", [["started", 1]], ["started", 1], "step 1 is running, not pending"],
    [
      "a second end",
      [
        ["started", 1],
        ["done", 1],
      ],
      ["failed", 1],
      "step 1 is done, not running",
    ],
    [
      "a success after a failure",
      [
        ["started", 1],
        ["failed", 1],
      ],
      ["done", 1],
      "step 1 is failed, not running",
    ],
    ["a start too early", [], ["started", 2], "step 2 depends on steps that are not done"],
    ["a step that is none", [], ["started", 9], "there is no step 9"],
  ])("ignores %s", (_, before, [kind, step], reason) => {
    const progress = go(chain, openProgress(chain), ...before);
    expect(advance(chain, progress, { kind, step })).toEqual({ applied: false, progress, reason });
  });
});

describe("a replan", () => {
  const begun = go(
    chain,
    openProgress(chain),
    ["started", 1],
    ["done", 1],
    ["started", 2],
    ["started", 4],
    ["failed", 4],
  );

  test("keeps what is done or running, drops the rest, and numbers new steps above all old ones", () => {
    const result = replacePending(chain, begun, [
      { step: 1, dependsOn: [] },
      { step: 7, dependsOn: [1, 2] },
    ]);
    expect(result).toEqual({
      ok: true,
      steps: [
        { step: 1, dependsOn: [] },
        { step: 2, dependsOn: [1] },
        { step: 5, dependsOn: [] },
        { step: 6, dependsOn: [5, 2] },
      ],
      progress: { status: { 1: "done", 2: "running", 5: "pending", 6: "pending" } },
      numbers: { 1: 5, 7: 6 },
    });
  });

  test("is refused when a step depends on one that does not stay, or a number means two", () => {
    expect(replacePending(chain, begun, [{ step: 9, dependsOn: [4] }])).toEqual({
      ok: false,
      reason: "step 9 depends on 4, which does not stay",
    });
    expect(
      replacePending(chain, begun, [
        { step: 9, dependsOn: [] },
        { step: 9, dependsOn: [] },
      ]),
    ).toMatchObject({ ok: false });
  });
});

const tools = ["read_file", "write_file", "execute_command"];
const rules: PlanRules = {
  tools: tools.map((name) => ({ name, readOnly: name === "read_file" })),
  maxSteps: 12,
  readOnly: false,
};

/** A plan that holds, its steps in any order. */
const sound = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 3 }),
      needs: fc.array(fc.nat(), { maxLength: 3 }),
      tool: fc.constantFrom(...tools),
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .chain((parts) => {
    let number = 0;
    const numbers = parts.map(({ gap }) => (number += gap));
    const steps = parts.map(({ needs, tool }, index) => ({
      step: numbers[index] ?? 0,
      description: "d",
      tool,
      args: {},
      expected_output: "e",
      depends_on: index === 0 ? [] : needs.map((need) => numbers[need % index] ?? 0),
    }));
    return fc.shuffledSubarray(steps, { minLength: steps.length });
  })
  .map((steps) => ({ steps, reasoning: "r", risks: [] as unknown[] }));

/** One value somewhere in it is something else, or gone, or a dependency more. */
const nearlySound = fc
  .tuple(sound, fc.nat(), fc.nat(), fc.oneof(fc.jsonValue(), fc.integer({ min: -1, max: 14 }), fc.constant(undefined)))
  .map(([plan, pickStep, pickField, value]) => {
    const steps = plan.steps.map((step) => ({ ...step })) as Record<string, unknown>[];
    const step = steps[pickStep % steps.length] ?? {};
    const fields = [
      "step",
      "description",
      "tool",
      "args",
      "expected_output",
      "depends_on",
      "depends_on",
      "depends_on",
      "extra",
    ];
    const field = fields[pickField % fields.length] ?? "step";
    if (field === "depends_on" && typeof value === "number") step[field] = [...(step[field] as number[]), value];
    else if (value === undefined) delete step[field];
    else step[field] = value;
    return { ...plan, steps } as unknown;
  });
const anything = fc.oneof(
  { weight: 3, arbitrary: nearlySound },
  { weight: 2, arbitrary: sound as fc.Arbitrary<unknown> },
  { weight: 1, arbitrary: fc.jsonValue() },
  {
    weight: 1,
    arbitrary: fc.record({ steps: fc.array(fc.jsonValue()), reasoning: fc.string(), risks: fc.jsonValue() }),
  },
);

/** Runs a schedule to its end. `next` picks among what runs; `fails` says how it ends. */
function runAll(
  steps: readonly ScheduledStep[],
  maxParallel: number,
  choose: (below: number) => number,
  fails: (step: number) => boolean = () => false,
  start: Progress = openProgress(steps),
) {
  const started: number[] = [];
  const finished = new Set(steps.map(({ step }) => step).filter((step) => start.status[step] === "done"));
  const running = steps.map(({ step }) => step).filter((step) => start.status[step] === "running");
  let progress = start;
  while (outcome(steps, progress).kind === "open") {
    for (const step of ready(steps, progress, maxParallel)) {
      for (const need of steps.find((one) => one.step === step)?.dependsOn ?? []) expect(finished).toContain(need);
      progress = go(steps, progress, ["started", step]);
      started.push(step);
      running.push(step);
    }
    expect(running.length).toBeGreaterThan(0);
    expect(running.length).toBeLessThanOrEqual(Math.max(maxParallel, 1));
    const [step = 0] = running.splice(choose(running.length), 1);
    const failed = fails(step);
    progress = go(steps, progress, [failed ? "failed" : "done", step]);
    if (!failed) finished.add(step);
    progress = JSON.parse(JSON.stringify(progress)) as Progress;
  }
  return { started, progress };
}

const chooser = (picks: readonly number[]) => {
  let at = 0;
  return (below: number) => (picks[at++ % Math.max(1, picks.length)] ?? 0) % below;
};
const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 20 });
const scheduled = (steps: readonly { step: number; depends_on: number[] }[]) =>
  steps.map(({ step, depends_on }) => ({ step, dependsOn: depends_on }));

describe("10,000 random plans", () => {
  test("are each refused with a reason, or run to the end: every step once, in order, never too many at once", () => {
    const seen = { refused: 0, ran: 0 };
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 4 }), picks, (candidate, maxParallel, order) => {
        const result = checkPlan(candidate, rules);
        if (!result.ok) {
          seen.refused += 1;
          expect(result.faults.length).toBeGreaterThan(0);
          for (const { pointer, message } of result.faults) {
            expect(pointer).toMatch(/^(\/[a-z0-9_]+)*$/);
            expect(message).not.toBe("");
          }
          return;
        }
        seen.ran += 1;
        const steps = scheduled(result.plan.steps);
        const { started, progress } = runAll(steps, maxParallel, chooser(order));
        expect(started.toSorted((one, other) => one - other)).toEqual(
          steps.map(({ step }) => step).sort((one, other) => one - other),
        );
        expect(outcome(steps, progress)).toEqual({ kind: "done" });
      }),
      { numRuns: 10_000 },
    );
    // Neither half of the promise is empty.
    expect(seen.refused).toBeGreaterThan(1_000);
    expect(seen.ran).toBeGreaterThan(1_000);
  }, 120_000);

  test("hold when they are sound", () => {
    fc.assert(
      fc.property(sound, (plan) => {
        expect(checkPlan(plan, rules)).toMatchObject({ ok: true });
      }),
    );
  });

  test("never make the check throw", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        (value) => {
          checkPlan(value, rules);
          checkPlan({ steps: [value], reasoning: value, risks: value }, rules);
          checkPlan({ steps: [{ step: 1, args: value, depends_on: value, expect: value }] }, rules);
        },
      ),
    );
  });
});

describe("random failures", () => {
  test("skip exactly what depends on a failed step, and everything else runs", () => {
    fc.assert(
      fc.property(sound, picks, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (plan, order, failing) => {
        const steps = scheduled(plan.steps);
        const { started, progress } = runAll(steps, 2, chooser(order), (step) => failing[step] === true);
        const lost = (step: number): boolean =>
          (steps.find((one) => one.step === step)?.dependsOn ?? []).some(
            (need) => failing[need] === true || lost(need),
          );
        for (const { step } of steps) {
          expect(progress.status[step]).toBe(lost(step) ? "skipped" : failing[step] === true ? "failed" : "done");
          expect(started.includes(step)).toBe(!lost(step));
        }
      }),
    );
  });
});

describe("random replans", () => {
  test("begin nothing twice, use no number twice, and run to the end", () => {
    fc.assert(
      fc.property(sound, sound, picks, fc.nat(12), (first, second, order, after) => {
        const steps = scheduled(first.steps);
        const choose = chooser(order);
        let progress = openProgress(steps);
        for (let event = 0; event < after; event += 1) {
          const running = steps.filter(({ step }) => progress.status[step] === "running").map(({ step }) => step);
          const startable = ready(steps, progress, 3);
          const begin = startable.length > 0 && (running.length === 0 || choose(2) === 0);
          const step = begin ? startable[0] : running[choose(Math.max(1, running.length))];
          if (step !== undefined) progress = go(steps, progress, [begin ? "started" : "done", step]);
        }
        const result = replacePending(steps, progress, scheduled(second.steps));
        if (!result.ok) throw new Error(result.reason);
        const numbers = result.steps.map(({ step }) => step);
        expect(new Set(numbers).size).toBe(numbers.length);
        const highest = Math.max(...steps.map(({ step }) => step));
        const fresh = numbers.filter((step) => step > highest);
        expect(fresh).toHaveLength(second.steps.length);
        const end = runAll(result.steps, 3, choose, () => false, result.progress);
        expect(end.started.toSorted((one, other) => one - other)).toEqual(fresh);
        expect(outcome(result.steps, end.progress)).toEqual({ kind: "done" });
      }),
    );
  });
});
