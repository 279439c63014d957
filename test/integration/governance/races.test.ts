import { describe, expect, test } from "vitest";
import { eventually, makeOrganisation } from "../../support/organisation.ts";

describe("votes at the same moment", () => {
  test("of two approvers both count: nothing is left waiting with all its votes", async () => {
    const organisation = await makeOrganisation("votes");
    const { admin, root } = organisation;
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) => organisation.person(name, { roles: [{ role: "Approver", ou: root }] })),
    );
    if (one === undefined || two === undefined) throw new Error("two approvers are needed");
    await admin.make("/approval-policies", {
      name: "both",
      ou: root,
      operations: ["group.create"],
      approvals_needed: 2,
    });
    for (let round = 0; round < 8; round += 1) {
      const asked = await admin.send("POST", "/groups", { name: `team-${round}`, ou: root });
      expect(asked.status).toBe(202);
      const id = String(asked.body["id"]);
      const { digest } = await one.get<{ digest: string }>(`/approvals/${id}`);
      const vote = { decision: "approve", digest };
      const answers = await Promise.all([one, two].map((voter) => voter.send("POST", `/approvals/${id}/votes`, vote)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      await eventually(async () => {
        const { status } = await admin.get<{ status: string }>(`/requests/${id}`);
        return status === "applied" ? true : undefined;
      }, `round ${round} is applied`);
    }
  });

  test("of one approver who clicks three times are one vote and one answer", async () => {
    const organisation = await makeOrganisation("clicks");
    const { admin, root } = organisation;
    const approver = await organisation.person("approver", { roles: [{ role: "Approver", ou: root }] });
    await admin.make("/approval-policies", {
      name: "both",
      ou: root,
      operations: ["group.create"],
      approvals_needed: 2,
    });
    const asked = await admin.send("POST", "/groups", { name: "team", ou: root });
    const id = String(asked.body["id"]);
    const { digest } = await approver.get<{ digest: string }>(`/approvals/${id}`);
    const click = () => approver.send("POST", `/approvals/${id}/votes`, { decision: "approve", digest });
    const answers = await Promise.all([click(), click(), click()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await admin.get<{ votes: unknown[] }>(`/approvals/${id}`)).votes).toHaveLength(1);
  });
});
