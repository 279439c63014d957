/** The points of a run at which rules are asked, in the order in which a run comes by them. */
export const hookPoints = [
  "on_task_received",
  "on_plan",
  "before_tool",
  "after_tool",
  "before_finalize",
  "on_terminate",
] as const;

export type HookPoint = (typeof hookPoints)[number];
