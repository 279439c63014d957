import type { Dice } from "../../demo/run/dice.ts";
import { createAgent, deleteAgent, type Member, pause, wordsOf } from "./agents.ts";
import type { Client } from "./client.ts";

interface Waiting {
  id: string;
  digest: string;
  kind: string;
  requester_email: string;
  ou_path: string;
}

const waitingAt = async (client: Client, ou: string) =>
  (await client.get<{ data: Waiting[] }>(`/approvals?status=pending&ou=${encodeURIComponent(ou)}&limit=50`))?.data ??
  [];

function vote(client: Client, request: Waiting, decision: "approve" | "deny") {
  return client.ask({
    operation: "approval.vote",
    method: "POST",
    path: `/approvals/${request.id}/votes`,
    body: { decision, digest: request.digest, ...(decision === "deny" ? { reason: "drawn by lot" } : {}) },
    ou: request.ou_path,
    marks: { request_id: request.id, decision },
  });
}

/** Asks for agents where two people must agree, several at a time; now and then withdraws a request, or votes on its own. */
export function requester(client: Client, dice: Dice, ou: string): Member {
  const words = wordsOf(client.email);
  const own = new Set<Promise<unknown>>();
  const one = async (signal: AbortSignal) => {
    const made = await createAgent(client, ou, words());
    const id = made.body["id"];
    if (made.outcome === "applied" && typeof id === "string" && !signal.aborted && dice.between(1, 3) === 1)
      await deleteAgent(client, ou, id);
  };
  return async (signal) => {
    while (!signal.aborted) {
      if (own.size < 4) {
        const asked: Promise<unknown> = one(signal).finally(() => own.delete(asked));
        own.add(asked);
      }
      await pause(dice.between(300, 1_200), signal);
      const mine = (await waitingAt(client, ou)).filter(({ requester_email }) => requester_email === client.email);
      const [first] = mine;
      if (first === undefined || signal.aborted) continue;
      const throwOf = dice.between(1, 8);
      if (throwOf === 1)
        await client.ask({
          operation: "request.cancel",
          method: "POST",
          path: `/requests/${first.id}/cancel`,
          body: {},
          ou,
          marks: { request_id: first.id },
        });
      // Refused, always.
      if (throwOf === 2) await vote(client, first, "approve");
    }
    await Promise.all(own);
  };
}

/** Decides what waits: mostly yes, sometimes no; some is left to run out. */
export function approver(client: Client, dice: Dice, ou: string): Member {
  const ignored = new Set<string>();
  const voted = new Set<string>();
  return async (signal) => {
    while (!signal.aborted) {
      for (const request of await waitingAt(client, ou)) {
        if (signal.aborted || voted.has(request.id) || ignored.has(request.id)) continue;
        const throwOf = dice.between(1, 20);
        // A permission that a run asks for is given: whoever waits for people is not what is tried there.
        if (request.kind === "operation" && throwOf <= 3) ignored.add(request.id);
        else {
          await vote(client, request, request.kind === "operation" && throwOf === 4 ? "deny" : "approve");
          voted.add(request.id);
        }
        await pause(dice.between(20, 150), signal);
      }
      await pause(dice.between(200, 600), signal);
    }
  };
}
