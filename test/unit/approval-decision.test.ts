import { describe, expect, test } from "vitest";
import { decisionOf } from "../../core/approval/decision.ts";
import type { ApprovalStatus } from "../../core/approval/votes.ts";

const expiresAt = new Date("2026-01-01T12:00:00Z");
const [before, after] = [new Date(expiresAt.getTime() - 1), new Date(expiresAt.getTime() + 1)];

const decided = (status: ApprovalStatus, decidedAt: Date | null, now: Date, reason: string | null = null) =>
  decisionOf({ status, decidedAt, expiresAt, reason }, now);

describe("what has become of a request", () => {
  test.each<[string, ApprovalStatus, Date | null, Date, ApprovalStatus]>([
    ["undecided and in time", "pending", null, before, "pending"],
    ["undecided when its time is over", "pending", null, expiresAt, "expired"],
    ["approved in time and looked at in time", "approved", before, before, "approved"],
    ["approved in time and looked at long after", "approved", before, after, "approved"],
    ["approved at its last moment", "approved", expiresAt, after, "approved"],
    ["approved too late, however that came to be", "approved", after, after, "expired"],
    ["approved at a time nobody knows", "approved", null, before, "expired"],
    ["denied in time and looked at long after", "denied", before, after, "denied"],
    ["withdrawn in time and looked at long after", "cancelled", before, after, "cancelled"],
    ["closed already", "expired", after, after, "expired"],
    ["granted already", "applied", before, after, "applied"],
    ["refused already", "refused", before, after, "refused"],
  ])("%s", (_, status, decidedAt, now, expected) => {
    expect(decided(status, decidedAt, now).status).toBe(expected);
  });

  test("says why: in the words of who decided, or that nobody did", () => {
    expect(decided("approved", before, after, "looks right").reason).toBe("looks right");
    expect(decided("approved", before, after).reason).toBe("approved");
    expect(decided("pending", null, after).reason).toBe("nobody decided in time");
    expect(decided("pending", null, before).reason).toBe("");
  });
});
