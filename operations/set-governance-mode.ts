import { z } from "zod";
import { shortText } from "../contracts/fields.ts";
import { governanceModeView, modes } from "../contracts/governance.ts";
import { PowerloomError } from "../core/errors.ts";
import { findMode, modeToView } from "../db/queries/governance.ts";
import { findRootOu } from "../db/queries/ous.ts";
import { defineOperation, type Preview } from "./declaration.ts";
import { requireVersion } from "./lookups.ts";

/** Asked for whatever the policies say: nobody switches approvals off alone. */
const bypassApproval: NonNullable<Preview<unknown>["needsApproval"]> = {
  rule: "bypass-needs-approval",
  approverRole: "Approver",
  approvalsNeeded: 1,
  expiresAfterSeconds: 24 * 3600,
};

export const setGovernanceMode = defineOperation({
  name: "governance.set_mode",
  summary: "Say what the organisation's runs may do: only read, ask before they act, or for a while act without asking",
  permission: "governance:update",
  risk: "high",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/governance/mode", status: 200 },
  command: "governance set-mode",
  readPermission: "governance:read",
  input: z.object({
    mode: z.enum(modes).describe("BYPASS needs an approval by an Approver, and ends by itself"),
    reason: shortText.describe("Why, for those who approve it and for the audit trail"),
    duration_seconds: z
      .int()
      .min(60)
      .max(86_400)
      .optional()
      .describe("How long BYPASS lasts from when it is applied; not for other modes"),
  }),
  output: governanceModeView,

  async preview(context, { mode, reason, duration_seconds }) {
    const root = await findRootOu(context.tx);
    if (root === undefined) throw new PowerloomError("not_found", "The organisation has no OU.");
    await context.authorise(root);
    const row = await findMode(context.tx, "lock");
    const current = modeToView(row, context.now);
    requireVersion(context, current.version);
    requireDuration(mode, duration_seconds);
    const lasting = duration_seconds === undefined ? "" : ` for ${duration_seconds} seconds`;
    return {
      ou: root,
      target: { type: "governance_mode", id: context.tx.organisationId },
      // Whoever tightens the mode while an approval is waited for makes that approval stale.
      targetVersion: current.version,
      plan: { mode, reason, seconds: duration_seconds ?? null, version: current.version },
      before: { mode: current.mode, expires_at: current.mode === "BYPASS" ? current.expires_at : null },
      after: { mode, reason, ...(duration_seconds === undefined ? {} : { duration_seconds }) },
      summary: `Set the governance mode of ${root.path} from ${current.mode} to ${mode}${lasting}: ${reason}`,
      ...(mode === "BYPASS" ? { needsApproval: bypassApproval } : {}),
    };
  },

  async apply({ tx, now, principalId }, _input, { plan }) {
    const expiresAt = plan.seconds === null ? null : new Date(now.getTime() + plan.seconds * 1000);
    const changed = await tx.run(
      `insert into governance_modes (organisation_id, mode, expires_at, reason, changed_by, changed_at)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (organisation_id) do update set mode = excluded.mode, expires_at = excluded.expires_at,
         reason = excluded.reason, changed_by = excluded.changed_by, changed_at = excluded.changed_at,
         version = governance_modes.version + 1
       where governance_modes.version = $7`,
      [tx.organisationId, plan.mode, expiresAt, plan.reason, principalId, now, plan.version],
    );
    // Two who set the first mode at once: there was no row yet that the first could have locked.
    if (changed === 0) throw new PowerloomError("conflict", "Somebody else has just set the mode. Look at it again.");
    const row = await findMode(tx);
    if (row === undefined) throw new Error("the mode just set cannot be read");
    return { target: { type: "governance_mode", id: tx.organisationId }, result: modeToView(row, now) };
  },
});

function requireDuration(mode: (typeof modes)[number], seconds: number | undefined): void {
  if ((mode === "BYPASS") === (seconds !== undefined)) return;
  throw new PowerloomError(
    "invalid_input",
    mode === "BYPASS"
      ? "BYPASS needs `duration_seconds`, 60 to 86400: it ends by itself."
      : `${mode} lasts until another mode is set: \`duration_seconds\` is only for BYPASS.`,
    { pointer: "/duration_seconds" },
  );
}
