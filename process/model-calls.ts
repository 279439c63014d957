import type { Logger } from "pino";
import { Counter } from "prom-client";

/** Counts calls of models by endpoint and outcome, and says when an endpoint could not be used. */
export function countModelCalls(log: Logger): {
  counter: Counter;
  tell: (call: { operation: string; endpoint: string; outcome: string; why: string }) => void;
} {
  const counter = new Counter({
    name: "powerloom_model_calls_total",
    help: "Calls sent to the endpoints of models, by outcome",
    labelNames: ["operation", "endpoint", "outcome"],
    registers: [],
  });
  return {
    counter,
    tell: ({ operation, endpoint, outcome, why }) => {
      counter.inc({ operation, endpoint, outcome });
      if (outcome === "passed_over")
        log.warn(
          { operation, endpoint, why },
          "a model endpoint could not be used; the next one is asked, or it again later",
        );
    },
  };
}
