import type { Gate } from "../outcomes.ts";
import type { PlanSubject } from "../subjects.ts";

/** The plan can be carried out, and is no longer than its author's definition allows. */
export const planSound: Gate<PlanSubject> = {
  name: "plan-sound",
  check: ({ plan, grant }) => {
    if (plan.faults.length > 0) {
      const list = plan.faults.map(({ pointer, message }) => `${pointer}: ${message}`);
      return { kind: "refuse", reason: `the plan is not sound: ${list.join("; ")}` };
    }
    const limit = grant.constraints.find((constraint) => constraint.type === "max_steps");
    if (limit !== undefined && plan.steps > limit.value)
      return { kind: "refuse", reason: `the plan has ${plan.steps} steps; at most ${limit.value} are allowed` };
    return { kind: "pass" };
  },
};
