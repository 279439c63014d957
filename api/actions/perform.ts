import { type RequestHandler, Router } from "express";
import { type ActionName, actions } from "../../contracts/actions.ts";
import { PowerloomError } from "../../core/errors.ts";
import { readTraceParent, type TraceParent } from "../../core/telemetry/traceparent.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import { parseInput } from "../problem.ts";
import { cancelRequest, voteOnApproval } from "./approvals.ts";
import { invokeAgent } from "./invoke.ts";
import { reconcileAgent } from "./reconcile.ts";
import { cancelRun, messageRun, pauseRun, resumeRun, startAgentRun } from "./runs.ts";
import { endSession, interruptSession, messageSession, ticketForSession } from "./sessions.ts";

export interface ActionContext {
  deps: ApiDeps;
  caller: Caller;
  input: Record<string, unknown>;
  /** Idempotency-Key, when sent. */
  key: string | null;
  /** The trace the request belongs to, when it says so. */
  trace: TraceParent | null;
}

const handlers: Record<ActionName, (context: ActionContext) => Promise<Record<string, unknown>>> = {
  "agent.invoke": invokeAgent,
  "agent.reconcile": reconcileAgent,
  "session.message": messageSession,
  "session.interrupt": interruptSession,
  "session.end": endSession,
  "session.ticket": ticketForSession,
  "run.start": startAgentRun,
  "run.message": messageRun,
  "run.pause": pauseRun,
  "run.resume": resumeRun,
  "run.cancel": cancelRun,
  "approval.vote": voteOnApproval,
  "request.cancel": cancelRequest,
};

/** What the tools of `powerloom_runs` need. Nothing else here is delegable: an agent never opens sessions, steers or votes. */
const delegable: ReadonlySet<ActionName> = new Set<ActionName>(["run.start", "run.cancel"]);

/** POST routes of actions. */
export function actionRoutes(deps: ApiDeps): Router {
  const router = Router();
  for (const action of actions) {
    const handle: RequestHandler = async (req, res) => {
      res.locals["operation"] = action.name;
      const caller = callerOf(res);
      requireDelegable(caller, action.name, delegable.has(action.name));
      const body: unknown = req.body ?? {};
      if (typeof body !== "object" || body === null || Array.isArray(body))
        throw new PowerloomError("invalid_input", "The body must be a JSON object.", { pointer: "" });
      const input = parseInput(action.input.strict(), { ...body, ...req.params }) as Record<string, unknown>;
      const key = req.get("idempotency-key") ?? null;
      if (key !== null && !/^[\x21-\x7e]{1,200}$/.test(key))
        throw new PowerloomError("bad_request", "Idempotency-Key must have 1 to 200 visible ASCII characters.");
      res
        .status(action.status)
        .json(
          await handlers[action.name]({ deps, caller, input, key, trace: readTraceParent(req.get("traceparent")) }),
        );
    };
    router.post(action.path, handle);
  }
  return router;
}
