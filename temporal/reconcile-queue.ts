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
  /** This agent has lost something, or is gone: no waiting. */
  atOnce(ref: AgentRef, ou?: string): void;
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

/** Agents in the order they came, by organisation; organisations take turns, so that none waits behind all of another's. */
class Line {
  private readonly organisations = new Map<string, Map<string, Place>>();

  get size(): number {
    let size = 0;
    for (const places of this.organisations.values()) size += places.size;
    return size;
  }

  add(place: Place): void {
    const { organisationId, agentId } = place.ref;
    const places = this.organisations.get(organisationId) ?? new Map<string, Place>();
    if (!places.has(agentId)) places.set(agentId, place);
    this.organisations.set(organisationId, places);
  }

  has({ organisationId, agentId }: AgentRef): boolean {
    return this.organisations.get(organisationId)?.has(agentId) === true;
  }

  delete({ organisationId, agentId }: AgentRef): void {
    const places = this.organisations.get(organisationId);
    places?.delete(agentId);
    if (places?.size === 0) this.organisations.delete(organisationId);
  }

  /** The next one whose time has come, of the organisation whose turn is the longest ago. */
  next(at: number): Place | undefined {
    for (const places of this.organisations.values()) {
      const [place] = places.values();
      if (place !== undefined && place.due <= at) return place;
    }
    return undefined;
  }

  take(place: Place): void {
    const { organisationId } = place.ref;
    this.delete(place.ref);
    const places = this.organisations.get(organisationId);
    if (places === undefined) return;
    this.organisations.delete(organisationId);
    this.organisations.set(organisationId, places);
  }

  clear(): void {
    this.organisations.clear();
  }
}

/**
 * Answers first, then the reconciler: an agent's reconciliation costs as much as the mutation that caused it, on the same
 * cores, and nobody waits for it at the door (ADR 11). Kept in memory: what is lost with the process the sweep finds again.
 * @param nudge starts or wakes one agent's reconciliation; its failure is the sweep's business
 * @param now milliseconds that never go back
 */
export function createReconcileQueue(
  nudge: (ref: AgentRef, ou: string | undefined) => void,
  now: () => number = () => performance.now(),
): ReconcileQueue {
  const changed = new Line();
  const compared = new Line();
  let lastAnswer = Number.NEGATIVE_INFINITY;
  let lastTurn = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const at = now();
    const line = changed.size > 0 ? changed : compared;
    const place = line.next(at);
    if (place !== undefined) {
      const quiet = at - lastAnswer >= quietMs;
      if (quiet || at - lastTurn >= busyEveryMs || at - place.due >= patienceMs) {
        lastTurn = at;
        line.take(place);
        nudge(place.ref, place.ou);
      }
    }
    timer = changed.size + compared.size === 0 ? undefined : setTimeout(look, lookEveryMs);
  }

  function add(line: Line, ref: AgentRef, ou: string | undefined): void {
    line.add({ ref, ou, due: now() + settleMs });
    timer ??= setTimeout(look, lookEveryMs);
  }

  return {
    want(ref, ou) {
      compared.delete(ref);
      add(changed, ref, ou);
    },
    atOnce(ref, ou) {
      compared.delete(ref);
      changed.delete(ref);
      nudge(ref, ou);
    },
    compare(ref) {
      if (!changed.has(ref)) add(compared, ref, undefined);
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
