import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { digestOf } from "../../core/canonical.ts";
import { within } from "../../core/hooks/rules/tool-allowed.ts";
import type { CheckedValue } from "../../core/hooks/subjects.ts";
import type { ModelCall, OwnVerdict, ProposedCall } from "../../core/runs/facts.ts";
import type { Fault } from "../../core/runs/terms.ts";
import type { Tx } from "../../db/database.ts";
import { type RunRow, say } from "../../db/queries/runs.ts";
import { storable, storableJson } from "../../db/storable.ts";
import { contextHash, contextKey } from "../../tools/context-key.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { checkArguments, repairArguments } from "../../tools/validate.ts";
import type { RunDeps } from "./deps.ts";
import { type Evidence, gatherToolEvidence } from "./evidence.ts";
import { delegateTool } from "./offered-tools.ts";
import { askOwnHooks, viewOf } from "./own-hooks.ts";
import { summaryOf } from "./record.ts";
import { isShort } from "./tool-kinds.ts";

/** A tool call as the model asked for it, held against the tool's schema and the definition's own rules. */
export interface ReadCall {
  stepId: string;
  name: string;
  useId: string;
  spec: ToolSpec | undefined;
  args: Record<string, unknown>;
  arguments: CheckedValue;
  notes: readonly string[];
  paths: string[];
  contextHash: string;
  own: OwnVerdict;
}

/** Reads the tool calls of an answer. Outside of any transaction: webhooks are asked here. */
export async function readCalls(
  deps: RunDeps,
  {
    run,
    definition,
    call,
    content,
    model,
    allowed,
  }: {
    run: RunRow;
    definition: AgentDefinition;
    call: ModelCall;
    content: readonly { type: string; [key: string]: unknown }[];
    model: string;
    allowed: readonly ToolSpec[];
  },
): Promise<ReadCall[]> {
  const calls: ReadCall[] = [];
  for (const [index, use] of content.filter((block) => block.type === "tool_use").entries()) {
    const name = String(use["name"]);
    const spec = allowed.find((tool) => tool.name === name);
    const { args, faults, notes } = argumentsOf(use["input"], spec, definition);
    const checked: CheckedValue = {
      bytes: Buffer.byteLength(JSON.stringify(args)),
      digest: digestOf(args),
      faults,
      repaired: notes.length > 0,
    };
    const key = contextKey(name, args);
    const hash = contextHash(run.agent_id, name, key);
    const paths = typeof args["path"] === "string" ? [args["path"].slice(0, 300)] : [];
    const own = await askOwnHooks(deps, definition, "before_tool", {
      run: viewOf(run, definition, "PERMISSION"),
      budget: call.budget,
      answeredBy: model,
      tool: { name, risk: spec?.risk ?? "high", readOnly: spec?.readOnly ?? false, delegateTo: delegateOf(name, args) },
      arguments: checked,
      contextHash: hash,
      paths,
      grant: definition,
      callsMade: call.stepNum,
      lease: null,
      content: args,
    });
    calls.push({
      stepId: `${call.stepId}.${index + 1}`,
      name,
      useId: String(use["id"]),
      spec,
      args,
      arguments: checked,
      notes,
      paths,
      contextHash: hash,
      own,
    });
  }
  return calls;
}

/** The evidence to decide on each of the calls, in one round trip. */
export function gatherForCalls(deps: RunDeps, tx: Tx, run: RunRow, calls: readonly ReadCall[]): Promise<Evidence[]> {
  const now = deps.now();
  return Promise.all(
    calls.map(({ name, contextHash }) => gatherToolEvidence(tx, run, { tool: name, contextHash }, now)),
  );
}

/** Writes the calls down, as steps of their own, with the evidence to decide on each. Sent without waiting. */
export function proposeCalls(
  tx: Tx,
  run: RunRow,
  definition: AgentDefinition,
  call: ModelCall,
  calls: readonly ReadCall[],
  evidence: readonly Evidence[],
): ProposedCall[] {
  return calls.map((one, index) => {
    const facts: ProposedCall = {
      stepId: one.stepId,
      // A name that no tool has is the model's word, and stays out of histories.
      tool: one.spec === undefined ? "unknown" : one.name,
      known: one.spec !== undefined,
      readOnly: one.spec?.readOnly ?? false,
      risk: one.spec?.risk ?? "high",
      delegateTo: delegateOf(one.name, one.args),
      arguments: one.arguments,
      paths: whereabouts(one.paths, definition),
      contextHash: one.contextHash,
      own: one.own,
      ...(evidence[index] as Evidence),
      ...(one.spec !== undefined && isShort(one.spec, definition) ? { short: true } : {}),
    };
    tx.send(
      `insert into agent_steps (step_id, organisation_id, run_id, step_num, step_type, thread, plan_step, tool_name, tool_use_id,
         args, args_digest, input_summary, status, decision)
       values ($1, $2, $3, $4, 'tool_call', $5, $6, $7, $8, $9, $10, $11, 'proposed', $12)`,
      [
        one.stepId,
        tx.organisationId,
        run.id,
        call.stepNum,
        call.thread,
        call.planStep,
        one.name.slice(0, 200),
        one.useId,
        JSON.stringify(one.args),
        one.arguments.digest,
        summaryOf(one.args),
        storableJson({ proposed: facts, ...(one.notes.length === 0 ? {} : { repaired: one.notes }) }),
      ],
    );
    return facts;
  });
}

/** What the rules need to know of paths, without their names: they are a model's words. */
function whereabouts(paths: readonly string[], { constraints }: AgentDefinition): string[] {
  const constraint = constraints.find((one) => one.type === "path_constraint");
  if (constraint?.type !== "path_constraint") return [];
  return paths.map((path) =>
    constraint.paths.some((allowed) => within(path, allowed)) ? (constraint.paths[0] ?? ".") : "../outside",
  );
}

function delegateOf(name: string, args: Record<string, unknown>): string | null {
  return name === delegateTool && typeof args["agent"] === "string" ? args["agent"].slice(0, 100) : null;
}

function argumentsOf(
  input: unknown,
  spec: ToolSpec | undefined,
  definition: AgentDefinition,
): { args: Record<string, unknown>; faults: Fault[]; notes: readonly string[] } {
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

/** Records a tool's answer in its thread, once. Sent without waiting. */
export function answerTool(
  tx: Tx,
  runId: string,
  step: { thread: string; step_id: string; tool_use_id: string | null },
  text: string,
  isError: boolean,
): void {
  say(tx, runId, {
    thread: step.thread,
    origin: step.step_id,
    role: "user",
    content: [
      {
        type: "tool_result",
        tool_use_id: step.tool_use_id,
        content: [{ type: "text", text }],
        ...(isError ? { is_error: true } : {}),
      },
    ],
  });
}
