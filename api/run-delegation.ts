import type { JWTPayload } from "jose";
import { controlPlaneTools } from "../contracts/control-plane-tools.ts";
import type { Sql } from "../db/database.ts";
import type { ApiDeps } from "./deps.ts";
import { findRunCall, openRunCapability } from "./run-capability.ts";

export const runCapabilityType = "urn:powerloom:token-type:run-capability";

/** What a token of a run says of its call besides person, organisation and operation: it ends with that call. */
interface RunClaims {
  act: { sub: string };
  sid?: string;
  step: string;
  lease: string;
}

export type RunDelegation =
  | { ok: true; claims: RunClaims & { sub: string; org: string; client_id: string } }
  | { ok: false; reason: string };

/** The claims of a token with which a run carries out one call of an operation's tool (RFC 8693), or why there is none. */
export async function delegateRunCall(
  deps: Pick<ApiDeps, "db" | "now" | "config">,
  capability: string,
  operation: string,
): Promise<RunDelegation> {
  const opened = await openRunCapability(deps, capability);
  if (!opened.ok) return opened;
  const { call } = opened;
  if (controlPlaneTools.get(call.tool)?.name !== operation) return { ok: false, reason: "other_operation" };
  if (!call.sessionOpen) return { ok: false, reason: "session_ended" };
  return {
    ok: true,
    claims: {
      sub: call.sub,
      org: call.organisationId,
      act: { sub: `run:${call.runId}` },
      ...(call.sid === "" ? {} : { sid: call.sid }),
      client_id: "powerloom_worker",
      step: call.stepId,
      lease: call.leaseId,
    },
  };
}

/** The call a run's token was made for must still be going on: cancelling the run stops the very next request. */
export async function requireLiveRunCall(sql: Sql, organisationId: string, claims: JWTPayload): Promise<void> {
  const { sub, act, sid, op, step, lease } = claims as JWTPayload & Partial<RunClaims> & { op?: string };
  const tool = [...controlPlaneTools].find(([, { name }]) => name === op)?.[0];
  const runId = act?.sub.slice("run:".length);
  if (runId === undefined || step === undefined || lease === undefined || tool === undefined)
    throw new Error("it names no call of a run");
  const call = await findRunCall(sql, { organisationId, runId, stepId: step, leaseId: lease, tool });
  if (call === undefined || call.sub !== sub || call.sid !== (sid ?? "") || !call.sessionOpen)
    throw new Error("the call of the run it was made for is over");
}
