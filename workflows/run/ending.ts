import type { EndStatus } from "../../core/runs/facts.ts";

/** Ends a run from within: what the run's row and its audit entry will say. */
export class RunEnding extends Error {
  readonly status: EndStatus;
  readonly rule: string;

  constructor(status: EndStatus, rule: string, reason: string) {
    super(reason);
    this.name = "RunEnding";
    this.status = status;
    this.rule = rule;
  }
}

/** A planned step goes in circles: whoever runs the plan may have its rest planned anew. */
export class ReplanWanted extends Error {
  readonly pattern: string;

  constructor(pattern: string) {
    super(`goes in circles: ${pattern}`);
    this.name = "ReplanWanted";
    this.pattern = pattern;
  }
}
