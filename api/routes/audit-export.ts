import { Router } from "express";
import { readChain, readHead } from "../../db/queries/audit.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { requireAuditor } from "../reads/governance.ts";

/** `GET /audit/export`: the whole chain as JSON lines, the head last; `powerloom audit verify FILE` checks it offline. */
export function auditExportRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.get("/audit/export", async (_req, res) => {
    res.locals["operation"] = "audit.export";
    const caller = callerOf(res);
    requireDelegable(caller, "audit.export", false);
    const head = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
      await requireAuditor({ tx, caller, now: deps.now() });
      return readHead(tx);
    });
    res.set({ "Content-Type": "application/jsonl; charset=utf-8", "Cache-Control": "no-store" });
    for (let after = 0; after < (head?.position ?? 0) && !res.destroyed; ) {
      const entries = await deps.db.inOrganisation(caller.organisationId, (tx) =>
        readChain(tx, caller.organisationId, after, 500),
      );
      for (const entry of entries) if (entry.position <= (head?.position ?? 0)) res.write(`${JSON.stringify(entry)}\n`);
      const last = entries.at(-1);
      if (last === undefined) break;
      after = last.position;
    }
    res.end(`${JSON.stringify({ head: head ?? { position: 0, hash: "0".repeat(64) } })}\n`);
  });
  return router;
}
