import type { Task } from "../task.ts";
import { budgetTasks } from "./budget.ts";
import { executionTasks } from "./execution.ts";
import { injectionTasks } from "./injection.ts";
import { loopTasks } from "./loops.ts";
import { planningTasks } from "./planning.ts";
import { refusalTasks } from "./refusal.ts";
import { reviewTasks } from "./review.ts";
import { routingTasks } from "./routing.ts";

/** Every task of the suite, kind by kind. */
export const allTasks: readonly Task[] = [
  ...planningTasks,
  ...executionTasks,
  ...reviewTasks,
  ...routingTasks,
  ...refusalTasks,
  ...loopTasks,
  ...budgetTasks,
  ...injectionTasks,
];
