import { ChainVerifier } from "../../core/audit/chain.ts";
import { openDatabase } from "../../db/database.ts";
import { readWholeChain } from "../../db/queries/audit.ts";
import type { Finding } from "../report.ts";
import type { GrowthStage } from "./stage.ts";

/** The product's own verifier over the whole chain, loaded entries and real ones. */
export async function verifyChain(stage: GrowthStage): Promise<Finding> {
  const db = openDatabase(stage.stack.databaseUrl, { name: "powerloom-bench", max: 1 });
  const started = performance.now();
  try {
    const verifier = new ChainVerifier();
    const pages = readWholeChain(
      (query) => db.readOrganisation(stage.organisationId, query),
      stage.organisationId,
      1_000,
    );
    let page = await pages.next();
    for (; page.done !== true; page = await pages.next()) if (!page.value.every((entry) => verifier.add(entry))) break;
    const verdict = verifier.finish(page.done === true ? page.value : undefined);
    if (!verdict.intact) throw new Error(`the chain is broken at ${verdict.position}: ${verdict.reason}`);
    const perSecond = verdict.entries / ((performance.now() - started) / 1000);
    return {
      name: "audit chain",
      measured: `${verdict.entries} entries, all sound, verified to the head`,
      value: perSecond,
      unit: "/s",
      facts: { verdict },
    };
  } finally {
    await db.close();
  }
}
