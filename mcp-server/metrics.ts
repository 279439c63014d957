import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";

/** How a tool call ended, as counted. */
export type CallOutcome = "applied" | "accepted" | "pending_approval" | "received" | "needs_input" | "read" | "error";

/** What this server counts. */
export interface Metrics {
  toolCall(tool: string, outcome: CallOutcome, seconds: number): void;
  authentication(outcome: "accepted" | "refused" | "no_verdict"): void;
  /** The Prometheus exposition text and its content type. */
  exposition(): Promise<{ contentType: string; text: string }>;
}

/** Metrics of one server, in a registry of its own so that several can run in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const calls = new Counter({
    name: "powerloom_mcp_tool_calls_total",
    help: "Tool calls by tool and outcome",
    labelNames: ["tool", "outcome"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "powerloom_mcp_tool_call_duration_seconds",
    help: "Duration of tool calls, token exchange and API included",
    labelNames: ["tool"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const authentications = new Counter({
    name: "powerloom_mcp_authentications_total",
    help: "Bearers checked, by outcome",
    labelNames: ["outcome"],
    registers: [registry],
  });
  return {
    toolCall: (tool, outcome, seconds) => {
      calls.inc({ tool, outcome });
      durations.observe({ tool }, seconds);
    },
    authentication: (outcome) => authentications.inc({ outcome }),
    exposition: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
