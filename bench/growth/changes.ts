import { setTimeout as sleep } from "node:timers/promises";
import { v7 } from "uuid";
import { openDatabase } from "../../db/database.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import { benchEntry } from "../audit-entry.ts";
import { expectStatus } from "../http.ts";
import { inTurn, type Pair } from "./reads.ts";
import type { GrowthStage } from "./stage.ts";

/** Mutation, decision and audit append, each in turn at the one that grows and at the one beside it. */
export async function measureChanges(
  large: GrowthStage,
  small: GrowthStage,
  samples: number,
): Promise<Record<string, Pair>> {
  const create = (stage: GrowthStage) => () => createAgent(stage);
  const requests = new Map([
    [large, await waitingRequests(large, samples)],
    [small, await waitingRequests(small, samples)],
  ]);
  const decide = (stage: GrowthStage) => (index: number) => decideOn(stage, requests.get(stage)?.[index]);
  const [ofLarge, ofSmall] = [appender(large), appender(small)];
  try {
    return {
      "POST /agents → 201": await inTurn(samples, create(large), create(small)),
      "vote → applied": await inTurn(samples, decide(large), decide(small)),
      "audit append": await inTurn(samples * 5, ofLarge.append, ofSmall.append),
    };
  } finally {
    await ofLarge.close();
    await ofSmall.close();
  }
}

/** Makes an agent. 202 is an answer too, of a machine too busy to decide within five seconds. */
export async function createAgent({ asker }: GrowthStage): Promise<void> {
  const { status, body } = await asker("POST", "/agents", { name: `new-${v7()}`, ou: "/acme/engineering" });
  if (status !== 201 && status !== 202) throw new Error(`POST /agents answered ${status}: ${JSON.stringify(body)}`);
}

interface Waiting {
  id: string;
  digest: string;
}

/** One for each sample, and for each that warms up. */
async function waitingRequests({ asker, approver }: GrowthStage, samples: number): Promise<Waiting[]> {
  const requests: Waiting[] = [];
  for (let index = 0; index < samples + 8; index += 1) {
    const { id } = await expectStatus(asker("POST", "/agents", { name: `ask-${v7()}`, ou: "/acme/production" }), 202);
    const { digest } = await expectStatus(approver("GET", `/approvals/${String(id)}`), 200);
    requests.push({ id: String(id), digest: String(digest) });
  }
  return requests;
}

async function decideOn({ approver, admin }: GrowthStage, request: Waiting | undefined): Promise<void> {
  if (request === undefined) throw new Error("no request waits");
  const { id, digest } = request;
  const answer = expectStatus(approver("POST", `/approvals/${id}/votes`, { decision: "approve", digest }), 200);
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { rows } = await admin.query<{ status: string }>("select status from operations where id = $1", [id]);
    if (rows[0]?.status === "applied") break;
    if (Date.now() > deadline) throw new Error(`the vote on ${id} is not applied`);
    await sleep(3);
  }
  await answer;
}

/** Transactions of one audit entry each. */
export function appender({ stack, organisationId }: GrowthStage) {
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-bench", max: 1 });
  return {
    append: () => db.inOrganisation(organisationId, (tx) => appendAudit(tx, benchEntry())),
    close: () => db.close(),
  };
}
