import { describe, expect, test } from "vitest";
import { type Elevation, type GatedCall, type GateEvidence, gate, recheck } from "../../core/governance/gates.ts";
import type { LeaseFault } from "../../core/lease/lease.ts";

const now = 1_000;
const elevation: Elevation = { id: "e1", agent: "executor", tool: "t", contextHash: "h", expiresAt: now + 1 };
const leaseFault = (reason: LeaseFault) => ({ ok: false as const, reason, message: `lease ${reason}` });
const approval = (status: NonNullable<GateEvidence["approval"]>["status"]) => ({ approval: { id: "a1", status } });

/** Everything a gate looks at, by name: the table below speaks of these. */
const dimensions = {
  rights: {
    allowed: { rights: { allowed: true, rule: "binding:b", reason: "AgentUser on /acme" } },
    denied: { rights: { allowed: false, rule: "no-binding", reason: "no binding" } },
  },
  lease: {
    none: { lease: null },
    valid: { lease: { ok: true as const } },
    expired: { lease: leaseFault("expired") },
    exhausted: { lease: leaseFault("exhausted") },
    revoked: { lease: leaseFault("revoked") },
    otherRun: { lease: leaseFault("other_run") },
    otherTool: { lease: leaseFault("other_tool") },
  },
  mode: {
    readOnly: { mode: { mode: "READ_ONLY" as const, expiresAt: null } },
    // A time on another mode than BYPASS ends nothing.
    readOnlyTimed: { mode: { mode: "READ_ONLY" as const, expiresAt: 1 } },
    permission: { mode: { mode: "PERMISSION" as const, expiresAt: null } },
    bypass: { mode: { mode: "BYPASS" as const, expiresAt: null } },
    bypassTimed: { mode: { mode: "BYPASS" as const, expiresAt: now + 1 } },
    bypassOver: { mode: { mode: "BYPASS" as const, expiresAt: now } },
  },
  tool: { read: {}, write: {} },
  asks: { usual: {}, always: { alwaysAsk: true } },
  elevation: {
    none: { elevations: [] },
    fits: { elevations: [{ ...elevation, id: "e0", tool: "other" }, elevation] },
    over: { elevations: [{ ...elevation, expiresAt: now }] },
    otherAgent: { elevations: [{ ...elevation, agent: "planner" }] },
    otherTool: { elevations: [{ ...elevation, tool: "other" }] },
    otherContext: { elevations: [{ ...elevation, contextHash: "other" }] },
  },
  approval: {
    none: {},
    pending: approval("pending"),
    approved: approval("approved"),
    denied: approval("denied"),
    expired: approval("expired"),
    cancelled: approval("cancelled"),
  },
} satisfies Record<string, Record<string, Partial<GateEvidence>>>;

type Dimensions = typeof dimensions;
type Case = { [Name in keyof Dimensions]: keyof Dimensions[Name] & string };
type Row = [when: { [Name in keyof Case]?: Case[Name] | readonly Case[Name][] }, expected: object];

const runOut = ["expired", "exhausted"] as const;
const bypass = ["bypass", "bypassTimed"] as const;
const readOnly = ["readOnly", "readOnlyTimed"] as const;
const holds = ["none", "valid"] as const;

/** The decision table. The first row that fits holds; what a row does not name may be anything. */
const table: Row[] = [
  [{ rights: "denied" }, { verdict: "refuse", rule: "no-binding", reason: "no binding" }],
  [{ lease: "revoked" }, { verdict: "refuse", rule: "lease-revoked" }],
  [{ lease: "otherRun" }, { verdict: "refuse", rule: "lease-other-run" }],
  [{ lease: "otherTool" }, { verdict: "refuse", rule: "lease-other-tool" }],
  [
    { mode: readOnly, tool: "write" },
    { verdict: "refuse", rule: "mode-read-only" },
  ],
  [{ approval: "denied" }, { verdict: "refuse", rule: "approval-denied" }],

  // A lease that has run out: an approval and nothing else.
  [
    { lease: runOut, approval: "approved" },
    { verdict: "run", via: "approval", rule: "approval:a1", renewLease: true },
  ],
  [
    { lease: runOut, approval: "expired" },
    { verdict: "refuse", rule: "approval-expired" },
  ],
  [
    { lease: runOut, approval: "cancelled" },
    { verdict: "refuse", rule: "approval-cancelled" },
  ],
  [
    { lease: runOut, approval: "pending" },
    { verdict: "ask", rule: "approval-pending" },
  ],
  [{ lease: "expired" }, { verdict: "ask", rule: "lease-expired" }],
  [{ lease: "exhausted" }, { verdict: "ask", rule: "lease-exhausted" }],

  [
    { lease: holds, asks: "usual", tool: "read" },
    { verdict: "run", via: "read", rule: "read" },
  ],
  [
    { lease: holds, mode: bypass },
    { verdict: "run", via: "bypass", rule: "mode-bypass", consumesBypass: true },
  ],
  [
    { lease: holds, asks: "usual", elevation: "fits" },
    { verdict: "run", via: "elevation", rule: "elevation:e1", elevationId: "e1" },
  ],
  [{ approval: "approved" }, { verdict: "run", via: "approval", rule: "approval:a1" }],
  [{ approval: "expired" }, { verdict: "refuse", rule: "approval-expired" }],
  [{ approval: "cancelled" }, { verdict: "refuse", rule: "approval-cancelled" }],
  [{ approval: "pending" }, { verdict: "ask", rule: "approval-pending" }],
  [{ asks: "always" }, { verdict: "ask", rule: "always-ask" }],
  [{}, { verdict: "ask", rule: "mode-permission" }],
];

const names = Object.keys(dimensions) as (keyof Case)[];
const cases = names.reduce<Partial<Case>[]>(
  (before, name) => before.flatMap((one) => Object.keys(dimensions[name]).map((value) => ({ ...one, [name]: value }))),
  [{}],
) as Case[];

const fits = (one: Case, when: Row[0]) =>
  names.every((name) => {
    const wanted = when[name];
    return wanted === undefined || wanted === one[name] || (Array.isArray(wanted) && wanted.includes(one[name]));
  });

const callOf = (one: Case): GatedCall => ({
  tool: "t",
  readOnly: one.tool === "read",
  risk: "medium",
  agent: "executor",
  contextHash: "h",
});
const evidenceOf = (one: Case): GateEvidence =>
  Object.assign(
    {},
    ...names.map((name) => (dimensions[name] as Record<string, Partial<GateEvidence>>)[one[name]]),
  ) as GateEvidence;

describe(`the gate, over all ${cases.length} combinations`, () => {
  const decided = cases.map((one) => ({ one, verdict: gate(callOf(one), evidenceOf(one), now) }));

  test("decides as the table says, and gives a reason", () => {
    const used = new Set<Row>();
    for (const { one, verdict } of decided) {
      const row = table.find(([when]) => fits(one, when));
      if (row === undefined) throw new Error(`no row for ${JSON.stringify(one)}`);
      used.add(row);
      const { reason, ...rest } = verdict;
      const { reason: wanted = reason, ...expected } = row[1] as { reason?: string };
      expect(rest, JSON.stringify(one)).toEqual(expected);
      expect(reason).toBe(wanted);
      expect(reason).not.toBe("");
    }
    expect(used.size, "every row of the table is needed").toBe(table.length);
  });

  test("never runs a call of somebody without the right, nor anything but a read in READ_ONLY mode", () => {
    for (const { one, verdict } of decided)
      if (one.rights === "denied" || (one.mode.startsWith("readOnly") && one.tool === "write"))
        expect(verdict.verdict, JSON.stringify(one)).toBe("refuse");
  });

  test("never runs on a lease that does not hold, unless an approval renews it", () => {
    for (const { one, verdict } of decided)
      if (verdict.verdict === "run") {
        expect(["none", "valid", "expired", "exhausted"]).toContain(one.lease);
        expect(verdict.renewLease === true).toBe(one.lease === "expired" || one.lease === "exhausted");
        if (verdict.renewLease === true) expect(one.approval).toBe("approved");
      }
  });

  test("takes a BYPASS whose time is over for PERMISSION", () => {
    const verdictOf = (one: Case) => gate(callOf(one), evidenceOf(one), now);
    for (const one of cases)
      if (one.mode === "bypassOver") expect(verdictOf(one)).toEqual(verdictOf({ ...one, mode: "permission" }));
  });

  test("lets BYPASS skip the approval and nothing else", () => {
    for (const { one, verdict } of decided)
      if (one.mode === "bypass" && verdict.verdict !== "run")
        expect(
          one.rights === "denied" || !["none", "valid"].includes(one.lease) || one.approval === "denied",
          JSON.stringify(one),
        ).toBe(true);
  });

  test("looks again at execution as before, except that by then there is a lease", () => {
    for (const { one, verdict } of decided) {
      const again = recheck(callOf(one), evidenceOf(one), now);
      if (verdict.verdict === "run" && one.lease === "none")
        expect(again).toMatchObject({ verdict: "refuse", rule: "lease-missing" });
      else expect(again).toEqual(verdict);
    }
  });
});

test("the gate asks in a sentence that a person can decide on", () => {
  const evidence = evidenceOf({ ...(cases[0] as Case), lease: "valid", mode: "permission", tool: "write" });
  expect(
    gate({ tool: "write_file", readOnly: false, risk: "high", agent: "a", contextHash: "h" }, evidence, now),
  ).toEqual({
    verdict: "ask",
    rule: "mode-permission",
    reason: "write_file is not a read (risk high): it needs an elevation or an approval",
  });
});
