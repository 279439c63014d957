import { createHmac } from "node:crypto";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { ownRules } from "../../core/hooks/own-rules.ts";
import type { HookPoint } from "../../core/hooks/points.ts";
import { runHooks } from "../../core/hooks/run-hooks.ts";
import type { RunView, SubjectOf } from "../../core/hooks/subjects.ts";
import type { OwnVerdict } from "../../core/runs/facts.ts";
import type { Mode } from "../../core/runs/terms.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import { whyUnreached } from "../../tools/network/outside-fetch.ts";
import type { RunDeps } from "./deps.ts";

export const passed: OwnVerdict = { kind: "pass", rule: "", reason: "" };

/**
 * Asks a definition's own rules of one point, in their order: conditions first, then webhooks. They run here and not in the
 * workflow because they may look at what people and models wrote. One that fails aborts the run (design §9).
 */
export async function askOwnHooks<P extends HookPoint>(
  deps: Pick<RunDeps, "log" | "now" | "newId" | "fetchOutside">,
  definition: AgentDefinition,
  point: P,
  subject: SubjectOf<P>,
): Promise<OwnVerdict> {
  const own = definition.hooks[point] ?? [];
  if (own.length === 0 || !definition.hooks_enabled.includes(point)) return passed;
  const conditions = own.flatMap((one) => ("rule" in one ? [one] : []));
  const outcome = runHooks(point, ownRules(point, conditions), subject);
  for (const event of outcome.events)
    if (event.kind === "note")
      deps.log.warn({ run: subject.run.id, rule: event.rule, event: event.event }, "a rule warns");
  if (outcome.kind === "refuse" || outcome.kind === "abort")
    return { kind: outcome.kind, rule: outcome.rule, reason: outcome.reason };
  for (const one of own) {
    if (!("webhook" in one)) continue;
    const verdict = await askWebhook(deps, one, point, subject);
    if (verdict.kind !== "pass") return verdict;
  }
  return passed;
}

/** Signed as Standard Webhooks wants it (id, time, body; HMAC-SHA256), so that the receiver can check who asks. */
async function askWebhook(
  deps: Pick<RunDeps, "now" | "newId" | "fetchOutside">,
  hook: { name: string; webhook: string; secret_env: string; timeout_seconds: number },
  point: HookPoint,
  subject: unknown,
): Promise<OwnVerdict> {
  const abort = (reason: string): OwnVerdict => ({ kind: "abort", rule: hook.name, reason });
  const secret = process.env[hook.secret_env];
  if (secret === undefined || secret === "")
    return abort(`${hook.secret_env} is not set: the webhook cannot be signed`);
  const id = deps.newId();
  const timestamp = String(Math.floor(deps.now().getTime() / 1000));
  const body = JSON.stringify({ type: `powerloom.hook.${point}`, id, timestamp, hook: hook.name, subject });
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  try {
    const response = await deps.fetchOutside(hook.webhook, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signature}`,
      },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(hook.timeout_seconds * 1000),
    });
    if (!response.ok) return abort(`the webhook answered ${response.status}`);
    const answer = (await response.json()) as { decision?: unknown; reason?: unknown };
    const reason =
      typeof answer.reason === "string" ? String(storable(answer.reason.slice(0, 500))) : "no reason was given";
    if (answer.decision === "pass") return passed;
    if (answer.decision === "refuse" || answer.decision === "abort")
      return { kind: answer.decision, rule: hook.name, reason };
    return abort("the webhook answered neither pass nor refuse nor abort");
  } catch (error) {
    return abort(
      `the webhook could not be asked: ${whyUnreached(error) ?? (error instanceof Error ? error.message : String(error))}`,
    );
  }
}

/** A run, as rules may look at it. */
export function viewOf(run: RunRow, definition: AgentDefinition, mode: Mode): RunView {
  return {
    id: run.id,
    agent: run.agent_id,
    role: run.role_id,
    model: run.model_id,
    mode,
    schemaValidation: definition.hook_strictness.schema_validation,
  };
}
