import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { digestOf } from "../../core/canonical.ts";
import type { Fault, ModelCall, ProposedCall } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import { type RunRow, say } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import { contextHash, contextKey } from "../../tools/context-key.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { checkArguments, repairArguments } from "../../tools/validate.ts";
import type { RunDeps } from "./deps.ts";
import { gatherToolEvidence } from "./evidence.ts";
import { allowedTools, delegateTool } from "./offered-tools.ts";
import { summaryOf } from "./record.ts";

interface Proposal {
  run: RunRow;
  definition: AgentDefinition;
  call: ModelCall;
  content: readonly { type: string; [key: string]: unknown }[];
}

/** Writes down the tool calls a model asks for, as steps of their own, and gathers what is needed to decide on each. */
export async function proposeCalls(
  deps: RunDeps,
  tx: Tx,
  { run, definition, call, content }: Proposal,
): Promise<ProposedCall[]> {
  const uses = content.filter((block) => block.type === "tool_use");
  const allowed = allowedTools(definition, deps.tools);
  const proposed: ProposedCall[] = [];
  for (const [index, use] of uses.entries()) {
    const stepId = `${call.stepId}.${index + 1}`;
    const name = String(use["name"]);
    const spec = allowed.find((tool) => tool.name === name);
    const { args, faults, notes } = argumentsOf(use["input"], spec, definition);
    const argsDigest = digestOf(args);
    const hash = contextHash(run.agent_id, name, contextKey(name, args));
    const evidence = await gatherToolEvidence(tx, run, { tool: name, contextHash: hash }, deps.now());
    const facts: ProposedCall = {
      stepId,
      tool: spec === undefined ? "unknown" : name,
      known: spec !== undefined,
      readOnly: spec?.readOnly ?? false,
      risk: spec?.risk ?? "high",
      delegateTo: name === delegateTool && typeof args["agent"] === "string" ? args["agent"] : null,
      argsDigest,
      argsBytes: Buffer.byteLength(JSON.stringify(args)),
      contextHash: hash,
      faults,
      repaired: notes.length > 0,
      ...evidence,
    };
    await tx.run(
      `insert into agent_steps (step_id, organisation_id, run_id, step_num, step_type, thread, plan_step, tool_name, tool_use_id,
         args, args_digest, input_summary, status, decision)
       values ($1, $2, $3, $4, 'tool_call', $5, $6, $7, $8, $9, $10, $11, 'proposed', $12)`,
      [
        stepId,
        tx.organisationId,
        run.id,
        call.stepNum,
        call.thread,
        call.planStep,
        name.slice(0, 200),
        String(use["id"]),
        JSON.stringify(args),
        argsDigest,
        summaryOf(args),
        JSON.stringify({ proposed: facts, ...(notes.length === 0 ? {} : { repaired: notes }) }),
      ],
    );
    proposed.push(facts);
  }
  return proposed;
}

function argumentsOf(
  input: unknown,
  spec: ToolSpec | undefined,
  definition: AgentDefinition,
): { args: Record<string, unknown>; faults: Fault[]; notes: string[] } {
  const given = storable(input);
  const args =
    typeof given === "object" && given !== null && !Array.isArray(given) ? (given as Record<string, unknown>) : {};
  if (spec === undefined) return { args, faults: [], notes: [] };
  const checked = checkArguments(spec, args);
  if (checked.ok) return { args: checked.args, faults: [], notes: [] };
  if (definition.hook_strictness.schema_validation === "repair") {
    const repaired = repairArguments(spec, args);
    if (repaired.ok) return { args: repaired.args, faults: [], notes: repaired.changes };
  }
  return { args, faults: checked.faults, notes: [] };
}

/** Records a tool's answer in its thread, once. */
export function answerTool(
  tx: Tx,
  runId: string,
  step: { thread: string; step_id: string; tool_use_id: string | null },
  text: string,
  isError: boolean,
): Promise<number> {
  return say(tx, runId, {
    thread: step.thread,
    origin: step.step_id,
    role: "user",
    content: [
      {
        type: "tool_result",
        tool_use_id: step.tool_use_id,
        content: [{ type: "text", text: text === "" ? "(no output)" : text }],
        ...(isError ? { is_error: true } : {}),
      },
    ],
  });
}
