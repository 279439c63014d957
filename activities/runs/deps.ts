import type { ModelEndpoints } from "../../claude/model-endpoints.ts";
import type { RunSpan } from "../../core/telemetry/run-spans.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import type { ActivityDeps } from "../deps.ts";

/** What activities of agent runs are given besides. */
export interface RunDeps extends ActivityDeps {
  /** Where models are asked. */
  models: ModelEndpoints;
  /** Where spans go; absent: nowhere. */
  spans: { tell(spans: () => Promise<readonly RunSpan[]>): void } | undefined;
  /** Directory of the workspaces: one per tree of runs. */
  workspaces: string;
  /** Every tool there is; a definition names those its agent may use. */
  tools: readonly ToolSpec[];
  /** Secret from which the keys of capability tokens are derived. */
  capabilitySecret: Uint8Array;
  /** For addresses that people have named: reaches what is public or was opened, and nothing else of our networks. */
  fetchOutside: typeof fetch;
  /** Where this process reaches the API: operations of the control plane are asked for there. */
  apiUrl: string;
}
