import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalStack, type PartName, startLocalStack } from "../../stack/local-stack.ts";
import { withOwnParts } from "../../stack/own-parts.ts";
import { isAlive } from "../../stack/running.ts";
import { type Witness, witnessOf } from "../integration/conversations/witness.ts";
import { eventually } from "../support/organisation.ts";

/** A stack of one's own, whose parts may be killed, and what really is there. */
export interface Stage {
  stack: LocalStack;
  witness: Witness;
  /** SIGSTOP: it does nothing more, and nobody notices. */
  freeze(part: string): void;
  /** SIGKILL, frozen or not. Resolves when the process is gone. */
  kill(part: string): Promise<void>;
  /** Resolves when a killed part runs again. */
  again(part: string): Promise<void>;
  /** How often a part has ended by itself, or was killed. */
  restarts(part: string): number;
  /** Stops everything and starts it again on the same directory and ports. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function openStage(
  options: { without?: readonly PartName[]; extraEnvironment?: NodeJS.ProcessEnv } = {},
): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-kill-"));
  const lines: string[] = [];
  const start = async (ports: NodeJS.ProcessEnv, without: readonly PartName[] = []) => {
    const stack = await startLocalStack({
      stateDirectory: directory,
      environment: { ...withOwnParts(process.env), ...ports },
      mode: "dev",
      anyPorts: true,
      log: (line) => {
        lines.push(line);
        if (process.env["POWERLOOM_TEST_LOG"]) console.log(line);
      },
      without,
      extraEnvironment: { POWERLOOM_RATE_LIMIT: "1000000", POWERLOOM_SWEEP_SECONDS: "2", ...options.extraEnvironment },
    }).catch((error: unknown) => {
      console.error(lines.slice(-60).join("\n"));
      throw error;
    });
    return { stack, witness: witnessOf(stack) };
  };
  let current = await start({}, options.without);
  const pidOf = (part: string) => {
    const state = current.stack.supervisor.state(part);
    return state?.status === "running" ? state.pid : undefined;
  };
  const requirePid = (part: string) => {
    const pid = pidOf(part);
    if (pid === undefined) throw new Error(`${part} does not run`);
    return pid;
  };
  return {
    get stack() {
      return current.stack;
    },
    get witness() {
      return current.witness;
    },
    freeze(part) {
      process.kill(requirePid(part), "SIGSTOP");
    },
    async kill(part) {
      const pid = requirePid(part);
      process.kill(pid, "SIGKILL");
      await eventually(async () => (isAlive(pid) ? undefined : true), `${part} is gone`);
      // The supervisor notices a moment later: until then the state still names the dead process.
      await eventually(async () => (pidOf(part) === pid ? undefined : true), `${part}'s end is noticed`);
    },
    async again(part) {
      await eventually(async () => (pidOf(part) === undefined ? undefined : true), `${part} runs again`, 60_000);
    },
    restarts(part) {
      const state = current.stack.supervisor.state(part);
      return state?.status === "running" ? state.restarts : 0;
    },
    async restart() {
      const { environment, temporalAddress, temporalUiUrl } = current.stack;
      const names = ["API", "SIMULATOR", "MCP", "WORKER"].map((part) => `POWERLOOM_${part}_PORT`);
      await current.witness.close();
      await current.stack.stop();
      current = await start({
        ...Object.fromEntries(names.map((name) => [name, environment[name]])),
        POWERLOOM_TEMPORAL_PORT: new URL(`http://${temporalAddress}`).port,
        POWERLOOM_TEMPORAL_UI_PORT: new URL(temporalUiUrl).port,
      });
    },
    async close() {
      await current.witness.close();
      await current.stack.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Measures from now. */
export function stopwatch(): () => number {
  const since = performance.now();
  return () => Math.round((performance.now() - since) / 10) / 100;
}
