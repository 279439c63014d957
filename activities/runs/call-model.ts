import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import type { ModelReply } from "../../claude/messages.ts";
import { CallFailed, type PassedOver } from "../../claude/model-endpoints.ts";
import { costOf } from "../../claude/prices.ts";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { ModelAnswer, ModelCall } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import {
  appendRunEvents,
  lockStep,
  type RunRow,
  readThread,
  requireRun,
  type StepRow,
  say,
} from "../../db/queries/runs.ts";
import { storable, storableJson } from "../../db/storable.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import type { Attempt } from "../beats.ts";
import { wordRelay } from "../word-relay.ts";
import { definitionOf } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { readFinal, storeFinal } from "./final-answer.ts";
import { moveBehindAnswer } from "./heard.ts";
import { allowedTools, lookedUpTools, offeredTools } from "./offered-tools.ts";
import { openPlanThread } from "./open-run.ts";
import { lastAnswer, promptSize } from "./prompt-size.ts";
import { gatherForCalls, proposeCalls, readCalls } from "./propose.ts";
import { summaryOf, tellWatchers } from "./record.ts";
import { aroundBlock, buildRequest, type ModelRequest, promptBound } from "./request.ts";
import { openAnew } from "./reset-context.ts";
import { wordsFor } from "./said.ts";
import { tellStep } from "./tell-spans.ts";
import { toolsOf } from "./tools-of-run.ts";

/**
 * One call of the model, at most once each: what an earlier attempt was answered is answered again from the row; an earlier
 * attempt whose answer nobody stored is of unknown outcome, and says so instead of calling again (design §9).
 */
export async function callModel(deps: RunDeps, call: ModelCall, certain: Attempt["certain"]): Promise<ModelAnswer> {
  const begun = await begin(deps, call);
  if (begun.kind === "answer" && begun.closed) tellStep(deps, call);
  if (begun.kind === "answer") return begun.answer;
  const needed = await neededTokens(deps, call, begun);
  if (needed > call.reservedTokens) {
    await forget(deps, call);
    return { kind: "too_small", neededTokens: needed };
  }
  // Another attempt may have closed it as unknown by now, and another call be made.
  await certain().catch(async (error: unknown) => {
    await forget(deps, call);
    throw error;
  });
  return await send(deps, call, begun);
}

interface Sending {
  run: RunRow;
  definition: AgentDefinition;
  /** Every tool the definition lets the agent use. */
  allowed: readonly ToolSpec[];
  request: ModelRequest;
  /** Position of the last message it sends. */
  seen: string;
  /** Of all that is sent before what is said. */
  prefixDigest: string;
  /** What the prompt needs at most, by what the last call of the thread needed; null when that says nothing. */
  promptTokens: number | null;
}

type Begun = { kind: "answer"; answer: ModelAnswer; closed?: true } | ({ kind: "send" } & Sending);

/** Marks the call as sent before it is: from here on, no answer means that nobody knows. */
async function begin(deps: RunDeps, call: ModelCall): Promise<Begun> {
  // Nothing is added to the thread before this call: what it holds can be asked for in the first round trip.
  const asItIs = call.planStep === null && call.say.length === 0;
  return deps.db.inOrganisation(call.organisationId, async (tx) => {
    const held = () =>
      Promise.all([
        readThread(tx, call.runId, call.thread),
        lookedUpTools(tx, call.runId),
        lastAnswer(tx, call.runId, call.thread),
      ]);
    const [earlier, run, read] = await Promise.all([
      lockStep(tx, call.runId, call.stepId),
      requireRun(tx, call.runId),
      asItIs ? held() : undefined,
    ]);
    if (run.completed_at !== null)
      return { kind: "answer", answer: { kind: "refused", rule: "run-over", message: "the run has ended" } };
    if (earlier?.facts != null) return { kind: "answer", answer: earlier.facts as ModelAnswer };
    if (earlier?.status === "running") {
      const answer: ModelAnswer = { kind: "unknown", message: "the worker was lost while the model was being called" };
      closeStep(tx, call, { status: "unknown", facts: answer, error: answer.message });
      return { kind: "answer", answer, closed: true };
    }
    tx.send(
      `insert into agent_steps (step_id, organisation_id, run_id, step_num, step_type, thread, plan_step, status)
       values ($1, $2, $3, $4, 'model_call', $5, $6, 'running')
       on conflict (organisation_id, run_id, step_id) do update set status = 'running'`,
      [call.stepId, tx.organisationId, run.id, call.stepNum, call.thread, call.planStep],
    );
    const definition = await definitionOf(tx, run);
    const planned = call.planStep === null ? null : await openPlanThread(tx, run, call.planStep, call.thread);
    const reset = call.say.find((one) => one.kind === "replan");
    if (reset?.kind === "replan") await openAnew(tx, run, call, reset.from);
    for (const [index, one] of call.say.entries())
      say(tx, run.id, {
        thread: call.thread,
        // Of the turn and not of the attempt: what is said before a call is said once.
        origin: `say:${call.stepNum}:${index}`,
        role: "user",
        content: [{ type: "text", text: wordsFor(one) }],
      });
    const [said, looked, last] = read ?? (await held());
    const allowed = allowedTools(definition, await toolsOf(tx, deps, run));
    const request = buildRequest(run, definition, offeredTools(allowed, looked, planned), said, {
      maxOutputTokens: call.maxOutputTokens,
      finalOnly: call.finalOnly,
    });
    const seen = said.at(-1)?.position ?? "0";
    return { kind: "send", run, definition, allowed, request, seen, ...promptSize(request, said, last) };
  });
}

/**
 * Tokens this call can need at most: what the thread's last call took and what was added, else the bound by bytes. Only when
 * both are more than was reserved, the provider is asked to count.
 */
async function neededTokens(deps: RunDeps, call: ModelCall, { request, promptTokens }: Sending): Promise<number> {
  if (promptTokens !== null && promptTokens + call.maxOutputTokens <= call.reservedTokens)
    return promptTokens + call.maxOutputTokens;
  const bound = promptBound(request) + call.maxOutputTokens;
  if (bound <= call.reservedTokens) return bound;
  const counted = await deps.models
    .countTokens(request, Context.current().cancellationSignal)
    .catch((error: unknown) => failed(deps, call, error));
  return typeof counted === "number" ? Math.min(bound, counted + call.maxOutputTokens) : bound;
}

async function send(deps: RunDeps, call: ModelCall, sending: Sending): Promise<ModelAnswer> {
  const { run, request } = sending;
  const relay = wordRelay((words) => deps.db.anywhere.run("select pg_notify('run_tokens', $1)", [words]), {
    root: run.root_run_id,
    run: run.id,
    thread: call.thread,
  });
  const since = performance.now();
  try {
    const { reply, ...by } = await deps.models.createMessage(request, {
      signal: Context.current().cancellationSignal,
      onText: (delta) => relay.text(delta),
    });
    return await store(deps, call, sending, reply, { ...by, ms: performance.now() - since });
  } catch (error) {
    return await failed(deps, call, error);
  } finally {
    relay.close();
  }
}

/** Stores the answer, what it proposes and the evidence to decide on it: committed, it is answered. */
async function store(
  deps: RunDeps,
  call: ModelCall,
  { run, definition, allowed, seen, prefixDigest }: Sending,
  reply: ModelReply,
  by: { endpoint: string; passedOver: readonly PassedOver[]; ms: number },
): Promise<ModelAnswer> {
  const { costMicros } = costOf(run.model_id, reply.usage, deps.now());
  const input =
    reply.usage.input_tokens +
    (reply.usage.cache_creation_input_tokens ?? 0) +
    (reply.usage.cache_read_input_tokens ?? 0);
  const content = storable(reply.content) as ModelReply["content"];
  const said = { run, definition, call, content, stop: reply.stop, model: reply.model };
  const calls = await readCalls(deps, { ...said, allowed });
  const read = calls.length > 0 ? null : await readFinal(deps, said);
  const answer = await deps.db.inOrganisation(call.organisationId, async (tx): Promise<ModelAnswer> => {
    const [step, evidence] = await Promise.all([
      lockStep(tx, run.id, call.stepId),
      gatherForCalls(deps, tx, run, calls),
    ]);
    // This attempt was given up, and the call counted as one of unknown outcome: another may have been made since.
    if (step?.status !== "running") return givenUp(step);
    say(tx, run.id, { thread: call.thread, origin: call.stepId, role: "assistant", content });
    const tools = proposeCalls(tx, run, definition, call, calls, evidence);
    if (read !== null) storeFinal(tx, run, call, read);
    const final = read?.facts ?? null;
    const facts: ModelAnswer = {
      kind: "answered",
      stop: reply.stop,
      model: reply.model,
      tokens: input + reply.usage.output_tokens,
      costMicros,
      contextTokens: input + reply.usage.output_tokens + aroundBlock * content.length,
      tools,
      final,
    };
    closeStep(tx, call, {
      status: "success",
      facts,
      tokens: facts.tokens,
      costMicros,
      usage: reply.usage,
      ...by,
      prefixDigest,
      output: summaryOf(content.flatMap((block) => (block.type === "text" ? [String(block["text"])] : [])).join(" ")),
    });
    tx.send(
      `update agent_runs set tokens_total = tokens_total + $2, cost_micros_total = cost_micros_total + $3,
         calls_total = calls_total + 1 where id = $1`,
      [run.id, facts.tokens, costMicros],
    );
    // The totals have locked the run: what people said before that is there, what they say from here on comes later.
    await moveBehindAnswer(tx, run.id, call.thread, seen);
    appendRunEvents(tx, run, [
      {
        origin: call.stepId,
        type: "model_answered",
        payload: {
          step_id: call.stepId,
          thread: call.thread,
          plan_step: call.planStep,
          tokens: facts.tokens,
          cost_micros: costMicros,
          tools: tools.map(({ tool }) => tool),
          final: final !== null,
        },
      },
    ]);
    return facts;
  });
  tellWatchers(deps, run);
  tellStep(deps, call);
  return answer;
}

function givenUp(step: Pick<StepRow, "facts"> | undefined): ModelAnswer {
  const known = step?.facts as ModelAnswer | null | undefined;
  return known ?? { kind: "unknown", message: "the answer came when the run had ended" };
}

/** What a failed call means. Definite: nothing was charged, and it may be sent again. Otherwise nobody knows. */
async function failed(deps: RunDeps, call: ModelCall, error: unknown): Promise<ModelAnswer> {
  // Not the provider's: our own database, say. The row stays `running`, so the next attempt knows that it does not know.
  if (!(error instanceof CallFailed)) throw error;
  const { fault, endpoint, passedOver } = error;
  if (fault.kind === "definite" && fault.retryable) {
    await forget(deps, call, fault.message);
    throw ApplicationFailure.create({
      message: fault.message,
      type: "ProviderUnavailable",
      ...(fault.retryAfterMs === undefined ? {} : { nextRetryDelay: fault.retryAfterMs }),
    });
  }
  const answer: Extract<ModelAnswer, { message: string }> =
    fault.kind === "definite"
      ? { kind: "refused", rule: "provider", message: fault.message }
      : { kind: "unknown", message: fault.kind === "aborted" ? "the call was abandoned" : fault.message };
  const said = await deps.db.inOrganisation(call.organisationId, async (tx) => {
    const step = await lockStep(tx, call.runId, call.stepId);
    if (step?.status !== "running") return givenUp(step);
    closeStep(tx, call, {
      status: answer.kind === "unknown" ? "unknown" : "failed",
      facts: answer,
      error: answer.message,
      endpoint,
      passedOver,
      why: error.why,
    });
    return answer;
  });
  if (said === answer) tellStep(deps, call);
  return said;
}

/** Nothing was sent, or it was definitely refused: the next attempt may send. */
async function forget(deps: RunDeps, call: ModelCall, error: string | null = null): Promise<void> {
  await deps.db.inOrganisation(call.organisationId, (tx) =>
    tx.run(
      "update agent_steps set status = 'failed', error_msg = $3 where run_id = $1 and step_id = $2 and status = 'running'",
      [call.runId, call.stepId, error],
    ),
  );
}

function closeStep(
  tx: Tx,
  call: ModelCall,
  end: {
    status: string;
    facts: ModelAnswer;
    tokens?: number;
    costMicros?: number;
    usage?: unknown;
    ms?: number;
    output?: string;
    error?: string | null;
    endpoint?: string | null;
    passedOver?: readonly PassedOver[];
    why?: string | null;
    prefixDigest?: string;
  },
): void {
  const decision = {
    ...(end.passedOver === undefined || end.passedOver.length === 0 ? {} : { passed_over: end.passedOver }),
    ...(end.why == null ? {} : { error: end.why }),
  };
  tx.send(
    `update agent_steps set status = $3, facts = $4, tokens = $5, cost_micros = $6, usage = $7, duration_ms = $8,
       output_summary = $9, error_msg = $10, endpoint = $11, decision = $12, prefix_digest = $13,
       completed_at = clock_timestamp() where run_id = $1 and step_id = $2`,
    [
      call.runId,
      call.stepId,
      end.status,
      storableJson(end.facts),
      end.tokens ?? 0,
      end.costMicros ?? 0,
      end.usage === undefined ? null : JSON.stringify(end.usage),
      end.ms === undefined ? null : Math.round(end.ms),
      end.output ?? null,
      end.error ?? null,
      end.endpoint ?? null,
      Object.keys(decision).length === 0 ? null : storableJson(decision),
      end.prefixDigest ?? null,
    ],
  );
}
