import { Router } from "express";
import { delegableReads, reads } from "../../contracts/reads.ts";
import type { Tx } from "../../db/database.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { parseInput } from "../problem.ts";
import { approvalReads } from "../reads/approvals.ts";
import { auditReads } from "../reads/audit.ts";
import { definitionReads } from "../reads/definitions.ts";
import { directoryReads } from "../reads/directory.ts";
import { governanceReads } from "../reads/governance.ts";
import { meReads } from "../reads/me.ts";
import { runReads } from "../reads/runs.ts";
import { runGovernanceReads } from "../reads/runs-governance.ts";
import { versionOf } from "../views/version.ts";

const handlers = {
  ...meReads,
  ...definitionReads,
  ...directoryReads,
  ...approvalReads,
  ...auditReads,
  ...governanceReads,
  ...runReads,
  ...runGovernanceReads,
};

/** GET routes: one per declaration; a declaration without a handler stops the start. */
export function readRoutes(deps: ApiDeps): Router {
  const router = Router();
  for (const read of reads) {
    const handler = handlers[read.name];
    if (handler === undefined) throw new Error(`read ${read.name} has no handler`);
    router.get(read.path, async (req, res) => {
      res.locals["operation"] = read.name;
      const caller = callerOf(res);
      requireDelegable(caller, read.name, delegableReads.has(read.name));
      const query = parseInput(read.query.strict(), req.query) as Record<string, string | number | undefined>;
      const params = req.params as Record<string, string>;
      const stores: ((tx: Tx) => Promise<void>)[] = [];
      const afterwards = (store: (tx: Tx) => Promise<void>) => void stores.push(store);
      const result = await deps.db.readOrganisation(caller.organisationId, (tx) =>
        handler({ deps, tx, caller, now: deps.now(), params, query, afterwards }),
      );
      for (const store of stores) await deps.db.inOrganisation(caller.organisationId, store);
      const version = versionOf(result);
      // The tag is the version to send in If-Match. It is not for caching: a sync state changes under the same version.
      delete req.headers["if-none-match"];
      if (version !== undefined) res.set("ETag", `"${version}"`);
      res.set("Cache-Control", "private, no-cache").json(result);
    });
  }
  return router;
}
