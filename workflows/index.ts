// The one bundle of workflow code. Names here are workflow types: they are in histories and never change.
export { agentRun } from "./agent-run.ts";
export { agentSession } from "./agent-session.ts";
export { bootstrap } from "./bootstrap.ts";
export { provision } from "./provision.ts";
export { reconcileAgent } from "./reconcile-agent.ts";
export { reconcileSweep } from "./reconcile-sweep.ts";
