import { type Conversation, call, listen, say } from "./replay.ts";
import type { ToolCall } from "./step.ts";

interface ScriptStep {
  say?: string;
  held?: boolean;
  call?: ToolCall;
}

/** Follows a script from an agent's metadata: all its steps, once per message. For tests. */
export function* scripted(script: string): Conversation {
  const steps = parse(script);
  while (true) {
    yield* listen();
    if (steps === undefined) {
      yield* say("The script in `simulator_script` is not a JSON array of steps.");
      continue;
    }
    for (const step of steps) {
      if (step.say !== undefined) yield* say(step.say, step.held === true);
      if (step.call !== undefined) yield* call({ ...step.call, input: step.call.input ?? {} });
    }
  }
}

function parse(script: string): ScriptStep[] | undefined {
  try {
    const steps: unknown = JSON.parse(script);
    return Array.isArray(steps) ? (steps as ScriptStep[]) : undefined;
  } catch {
    return undefined;
  }
}
