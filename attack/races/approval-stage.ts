import type { Person } from "../../demo/api.ts";
import { newOrganisation } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";

/** Approvals that a change of the agents here needs. */
export const approvalsNeeded = 2;

/** Everybody who has or has not a say in a request, and what the requests are about. */
export interface ApprovalStage {
  organisationId: string;
  admin: Person;
  /** Asks for the changes; an Approver, too, who must not count for what they ask. */
  requester: Person & { id: string };
  approvers: (Person & { id: string })[];
  /** Who have no right to decide: a viewer, somebody whose role was taken away, somebody of another organisation. */
  outsiders: Person[];
  /** Edits the target beside the request. */
  editor: Person;
  /** Two agents: of one the requests run out within the race. */
  agents: { patient: string; hasty: string };
  /** A skill with two versions, to attach in turn. */
  skill: string;
}

/** An organisation where changing an agent needs two approvals, and attaching a skill none. */
export async function setApprovalStage(arena: Arena): Promise<ApprovalStage> {
  const organisation = await newOrganisation("race", arena);
  const { admin, root } = organisation;
  const approver = { roles: [{ role: "Approver", ou: root }] };
  const requester = await organisation.person("rita", {
    roles: [...approver.roles, { role: "AgentBuilder", ou: root }],
  });
  const editor = await organisation.person("ed", { roles: [{ role: "AgentBuilder", ou: root }] });
  const approvers: (Person & { id: string })[] = [];
  for (const name of ["ann", "bob", "cleo", "dan", "eve", "finn"])
    approvers.push(await organisation.person(name, approver));
  const viewer = await organisation.person("vera", { roles: [{ role: "Viewer", ou: root }] });
  const former = await organisation.person("fred");
  const bound = await admin.make<{ id: string }>("/bindings", { role: "Approver", ou: root, user: former.email });
  await admin.send("DELETE", `/bindings/${bound.id}`);
  const foreign = (await newOrganisation("race-other", arena)).admin;

  const skill = await admin.make<{ id: string }>("/skills", {
    name: "notes",
    description: "Takes notes",
    ou: root,
    content: "# Notes\nTake notes.",
  });
  await admin.make(`/skills/${skill.id}/versions`, { content: "# Notes\nTake more notes." });
  const agents = { patient: "", hasty: "" };
  for (const [name, seconds] of [
    ["patient", 3_600],
    ["hasty", 1],
  ] as const) {
    const ou = await organisation.ou(`${root}/${name}`);
    agents[name] = (
      await admin.make<{ id: string }>("/agents", {
        name,
        display_name: name,
        ou,
        model: "claude-sonnet-5-5",
        system_prompt: "You take notes.",
      })
    ).id;
    await admin.make("/approval-policies", {
      name: "two",
      ou,
      operations: ["agent.update"],
      approvals_needed: approvalsNeeded,
      expires_after_seconds: seconds,
    });
  }
  const { organisationId } = organisation;
  return {
    organisationId,
    admin,
    requester,
    approvers,
    outsiders: [viewer, former, foreign],
    editor,
    agents,
    skill: skill.id,
  };
}
