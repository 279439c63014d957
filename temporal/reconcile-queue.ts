import type { AgentRef } from "../core/ids.ts";

/** Changes of one agent that come this close together are reconciled once. */
const settleMs = 100;
/** No mutation for this long: nobody is waiting for an answer. */
const quietMs = 200;
/** While answers are waited for: an agent this often. */
const busyEveryMs = 1_000;
/** Who has waited this long is taken as if it were quiet. */
const patienceMs = 60_000;
/** When it is quiet: one at each look, so that a moment's silence does not fill the cores for the next one who asks. */
const lookEveryMs = 50;

export interface ReconcileQueue {
  /** This agent's desired state has changed. Known ones stay where they are in the queue. */
  want(ref: AgentRef, ou?: string): void;
  /** This agent is to be compared with the provider when no changed one waits. */
  compare(ref: AgentRef): void;
  /** Somebody waits for the answer to a mutation. */
  answering(): void;
  /** How many wait for their turn. */
  waiting(): number;
  close(): void;
}

interface Place {
  ref: AgentRef;
  ou: string | undefined;
  due: number;
}

/**
 * Answers first, then the reconciler: an agent's reconciliation costs as much as the mutation that caused it, on the same
 * cores, and nobody waits for it at the door (ADR 11). Kept in memory: what is lost with the process the sweep finds again.
 * @param nudge starts or wakes one agent's reconciliation; its failure is the sweep's business
 */
export function createReconcileQueue(
  nudge: (ref: AgentRef, ou: string | undefined) => void,
  now: () => number = Date.now,
): ReconcileQueue {
  const changed = new Map<string, Place>();
  const compared = new Map<string, Place>();
  let lastAnswer = 0;
  let lastTurn = 0;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const at = now();
    const queue = changed.size > 0 ? changed : compared;
    const [first] = queue.values();
    if (first !== undefined && first.due <= at) {
      const quiet = at - lastAnswer >= quietMs;
      if (quiet || at - lastTurn >= busyEveryMs || at - first.due >= patienceMs) {
        lastTurn = at;
        queue.delete(first.ref.agentId);
        nudge(first.ref, first.ou);
      }
    }
    timer = changed.size + compared.size === 0 ? undefined : setTimeout(look, lookEveryMs);
  }

  function add(queue: Map<string, Place>, ref: AgentRef, ou: string | undefined): void {
    if (!queue.has(ref.agentId)) queue.set(ref.agentId, { ref, ou, due: now() + settleMs });
    timer ??= setTimeout(look, lookEveryMs);
  }

  return {
    want(ref, ou) {
      compared.delete(ref.agentId);
      add(changed, ref, ou);
    },
    compare(ref) {
      if (!changed.has(ref.agentId)) add(compared, ref, undefined);
    },
    answering() {
      lastAnswer = now();
    },
    waiting: () => changed.size + compared.size,
    close() {
      clearTimeout(timer);
      changed.clear();
      compared.clear();
    },
  };
}
