import { Router } from "express";
import { readWholeChain } from "../../db/queries/audit.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { requireAuditor } from "../reads/audit.ts";

/** `GET /audit/export`: the whole chain as JSON lines, the head last; `powerloom audit verify FILE` checks it offline. */
export function auditExportRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.get("/audit/export", async (_req, res) => {
    res.locals["operation"] = "audit.export";
    const caller = callerOf(res);
    requireDelegable(caller, "audit.export", false);
    await deps.db.readOrganisation(caller.organisationId, (tx) => requireAuditor({ tx, caller, now: deps.now() }));
    res.set({ "Content-Type": "application/jsonl; charset=utf-8", "Cache-Control": "no-store" });
    const pages = readWholeChain(
      (query) => deps.db.readOrganisation(caller.organisationId, query),
      caller.organisationId,
    );
    for (let page = await pages.next(); !res.destroyed; page = await pages.next()) {
      if (page.done === true) {
        res.end(`${JSON.stringify({ head: page.value })}\n`);
        return;
      }
      const text = page.value.map((entry) => `${JSON.stringify(entry)}\n`).join("");
      // A slow reader must not make us hold the whole chain in memory.
      if (!res.write(text)) await new Promise<void>((resolve) => res.once("drain", resolve).once("close", resolve));
    }
  });
  return router;
}
