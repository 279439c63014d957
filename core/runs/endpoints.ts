/**
 * Which endpoint a call of a model goes to. The first is asked, and the fallbacks in their order when it is down for the
 * call: unreachable, 5xx, 529, or a 429 that holds for longer than we wait. All of these are definite: nothing was charged.
 * What was sent and came to no known end is never sent to another one; the run pays for it in full first (design §9).
 */

/** What a failed call tells of the endpoint. `began`: its answer had begun. */
export type EndpointFault =
  | { kind: "definite"; retryable: boolean; retryAfterMs?: number; status?: number }
  | { kind: "unknown"; began: boolean }
  | { kind: "aborted" };

/** An endpoint that is left alone until then (epoch ms). Barred: not asked even when there is no other. Null: it is well. */
export type Circuit = { until: number; barred: boolean } | null;

export interface Judgement {
  /** `stop`: what it says holds. `next`: another may answer. `later`: none of the others is asked, this call is repeated. */
  go: "stop" | "next" | "later";
  circuit: "well" | "as-it-was" | { restMs: number; barred: boolean };
}

/** A 429 that ends within this is waited for: the endpoint is not down, and its cache of the prompt is warm. */
const patienceMs = 10_000;
const restMs = 30_000;
/** Who refuses our key, or does not know the model, does so until somebody has changed the settings. */
const misconfiguredRestMs = 5 * 60_000;
const longestRestMs = 60 * 60_000;

/** What a fault of one endpoint means for the call and for the calls after it. */
export function judge(fault: EndpointFault, place: "first" | "fallback"): Judgement {
  switch (fault.kind) {
    case "aborted":
      return { go: "stop", circuit: "as-it-was" };
    case "unknown":
      // Nothing came back at all: the repetition of the call, paid on its own, goes to another endpoint.
      return { go: "stop", circuit: fault.began ? "as-it-was" : { restMs, barred: false } };
    case "definite":
      return isDown(fault) ? { go: "next", circuit: restOf(fault) } : answered(fault, place);
  }
}

type Definite = Extract<EndpointFault, { kind: "definite" }>;

function isDown({ status, retryable, retryAfterMs }: Definite): boolean {
  if (status === undefined) return retryable;
  return status >= 500 || (status === 429 && (retryAfterMs === undefined || retryAfterMs > patienceMs));
}

function restOf({ retryAfterMs }: Definite): { restMs: number; barred: boolean } {
  if (retryAfterMs === undefined) return { restMs, barred: false };
  return { restMs: Math.min(Math.max(retryAfterMs, restMs), longestRestMs), barred: true };
}

/**
 * The first endpoint's refusal is one of the request. A fallback's never ends a run: with a wrong key or an unknown model it
 * is passed over; when it takes exception to the request, the first one is to judge.
 */
function answered({ status, retryable }: Definite, place: "first" | "fallback"): Judgement {
  if (place === "first" || retryable) return { go: "stop", circuit: "well" };
  return status === undefined || status === 401 || status === 403 || status === 404
    ? { go: "next", circuit: { restMs: misconfiguredRestMs, barred: true } }
    : { go: "later", circuit: "well" };
}

/**
 * Whom to ask, by place. An only endpoint is always asked. When all of several rest, the one whose rest ends first is,
 * unless each has said itself when to come back.
 */
export function choose(circuits: readonly Circuit[], now: number): { ask: number[] } | { waitMs: number } {
  if (circuits.length === 1) return { ask: [0] };
  const resting = circuits.flatMap((circuit, place) =>
    circuit === null || circuit.until <= now ? [] : [{ ...circuit, place }],
  );
  if (resting.length < circuits.length)
    return { ask: circuits.flatMap((_, place) => (resting.some((one) => one.place === place) ? [] : [place])) };
  const soonest = (among: typeof resting) => among.toSorted((a, b) => a.until - b.until)[0];
  const open = soonest(resting.filter(({ barred }) => !barred));
  if (open !== undefined) return { ask: [open.place] };
  return { waitMs: Math.max(1, (soonest(resting)?.until ?? now) - now) };
}

/** While one call finds out whether an endpoint is well again, the others leave it alone for as long once more. */
export function whileAsked(circuit: Circuit, now: number): Circuit {
  return circuit === null ? null : { until: now + restMs, barred: false };
}

/** The circuit after a call that failed. */
export function afterFault(before: Circuit, { circuit }: Judgement, now: number): Circuit {
  if (circuit === "well") return null;
  return circuit === "as-it-was" ? before : { until: now + circuit.restMs, barred: circuit.barred };
}
