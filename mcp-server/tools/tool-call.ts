import type { z } from "zod";
import type { MetaToolName, metaToolInputs, metaToolOutputs } from "../../contracts/meta-tools.ts";
import type { RunToolName, runToolInputs, runToolOutputs } from "../../contracts/run-tools.ts";
import type { Delegate } from "../delegation.ts";

/** For whom a tool call is made. */
export interface Caller {
  /** Names the session; equal mutations of one session are the same mutation. */
  session: string;
  delegate: Delegate;
}

/** What one tool does: at most one operation, named by the first argument of `delegate`. */
export type ToolFunction<Name extends MetaToolName> = (
  caller: Caller,
  input: z.output<(typeof metaToolInputs)[Name]>,
) => Promise<z.input<(typeof metaToolOutputs)[Name]>>;

/** The same for a tool of `powerloom_runs`. The signal ends waiting early. */
export type RunToolFunction<Name extends RunToolName> = (
  caller: Caller,
  input: z.output<(typeof runToolInputs)[Name]>,
  signal: AbortSignal,
) => Promise<z.input<(typeof runToolOutputs)[Name]>>;
