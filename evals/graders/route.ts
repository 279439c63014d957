import { type Evidence, eventsOf, rootOf } from "../evidence.ts";
import { type Grader, rejectFor } from "../task.ts";

/** The subagents that were started, in the order of their starts. */
function routeOf(evidence: Pick<Evidence, "runs">): string[] {
  return eventsOf(evidence)
    .filter(({ type }) => type === "subagent_started")
    .map(({ payload }) => String(payload["agent"]));
}

/** Exactly these subagents, in this order; several ways may be right. */
export function takesRoute(...routes: readonly (readonly string[])[]): Grader {
  return {
    name: "route",
    grade: (evidence) => {
      const taken = routeOf(evidence).join(" → ");
      const allowed = routes.map((route) => route.join(" → "));
      return rejectFor(
        allowed.includes(taken)
          ? []
          : [`the route was ${taken || "none"}, not ${allowed.map((one) => one || "none").join(" or ")}`],
      );
    },
  };
}

/** No subagent is started twice with the same input. */
export const startsAnew: Grader = {
  name: "starts anew",
  grade: (evidence) => {
    const root = rootOf(evidence);
    const inputs = evidence.runs
      .filter(({ id }) => id !== root.id)
      .map(({ agent, input }) => JSON.stringify([agent, input]));
    const twice = new Set(inputs.filter((input, index) => inputs.indexOf(input) !== index));
    return rejectFor([...twice].map((input) => `started twice with the same input: ${input.slice(0, 150)}`));
  },
};

/** What one subagent is given has what it needs. */
export function hands(agent: string, ...patterns: RegExp[]): Grader {
  return {
    name: "hands over",
    grade: ({ runs }) => {
      const given = JSON.stringify(runs.filter((run) => run.agent === agent).map(({ input }) => input));
      return rejectFor(
        patterns.filter((one) => !one.test(given)).map((one) => `nothing the ${agent} was given is like ${one}`),
      );
    },
  };
}
