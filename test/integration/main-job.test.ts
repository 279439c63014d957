import { describe, expect, test } from "vitest";
import { eventually, makeOrganisation } from "../support/organisation.ts";

describe("the main job", () => {
  test("an agent is created, pushed to the provider, and audited", async () => {
    const { admin, root } = await makeOrganisation();
    const answer = await admin.send("POST", "/agents", { name: "first", ou: root });
    expect(answer.status).toBe(201);
    const id = String(answer.body["id"]);
    const agent = await eventually(async () => {
      const seen = await admin.get<{ sync_state: string; cma_agent_id: string | null }>(`/agents/${id}`);
      return seen.sync_state === "synced" ? seen : undefined;
    }, "the agent is synced");
    expect(agent.cma_agent_id).toMatch(/^agent_/);
    const audit = await admin.get<{ data: { operation: string; outcome: string }[] }>(`/audit?target=agent:${id}`);
    expect(audit.data.map(({ operation, outcome }) => [operation, outcome])).toEqual([["agent.create", "applied"]]);
    expect(await admin.get("/audit/verify")).toMatchObject({ intact: true });
  });

  test("who has no right gets a 403 that names permission, OU and who can grant it, and nothing happens", async () => {
    const organisation = await makeOrganisation();
    const nobody = await organisation.person("nobody");
    const answer = await nobody.send("POST", "/agents", { name: "mine", ou: organisation.root });
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({
      code: "forbidden",
      missing: { permission: "agent:create", ou: organisation.root },
      who_can_grant: [{ email: organisation.admin.email, role: "OrgAdmin", ou: organisation.root }],
    });
    const refused = await organisation.admin.get<{ data: { outcome: string; sub: string }[] }>(
      "/audit?operation=agent.create",
    );
    expect(refused.data).toMatchObject([{ outcome: "refused", sub: nobody.id }]);
  });

  test("a matching policy makes it wait; a second admin approves; the agent appears, and the requester cannot vote", async () => {
    const organisation = await makeOrganisation();
    const { admin, root } = organisation;
    const second = await organisation.person("second", { roles: [{ role: "OrgAdmin", ou: root }] });
    await admin.make("/approval-policies", {
      name: "careful",
      ou: root,
      operations: ["agent.create"],
      approver_role: "OrgAdmin",
    });
    const asked = await admin.send("POST", "/agents", { name: "waits", ou: root });
    expect(asked.status).toBe(202);
    expect(asked.body).toMatchObject({ status: "pending_approval", operation: "agent.create" });
    const id = String(asked.body["id"]);
    const approval = await second.get<{ digest: string; can_vote: boolean }>(`/approvals/${id}`);
    expect(approval.can_vote).toBe(true);
    const own = await admin.send("POST", `/approvals/${id}/votes`, { decision: "approve", digest: approval.digest });
    expect(own.status).toBe(403);
    const vote = await second.send("POST", `/approvals/${id}/votes`, { decision: "approve", digest: approval.digest });
    expect(vote.status).toBe(200);
    const done = await eventually(async () => {
      const request = await admin.get<{ status: string; result: { name: string } | null }>(`/requests/${id}`);
      return request.status === "applied" ? request : undefined;
    }, "the approved change is applied");
    expect(done.result?.name).toBe("waits");
  });
});
