import { newOrganisation, type TestOrganisation } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import type { Known } from "./values.ts";

/** An organisation that has one of most things, and what they are called, so that requests get past "there is no such thing". */
export async function peopledOrganisation(arena: Arena): Promise<{ organisation: TestOrganisation; known: Known }> {
  const organisation = await newOrganisation("input", arena);
  const { admin, root } = organisation;
  const person = await organisation.person("pia", { roles: [{ role: "AgentBuilder", ou: root }] });
  const ou = await organisation.ou(`${root}/team`);
  const make = async (path: string, body: Record<string, unknown>) => (await admin.make<{ id: string }>(path, body)).id;
  const model = "claude-sonnet-5-5";
  const agents = [
    await make("/agents", { name: "one", ou, model }),
    await make("/agents", { name: "two", ou: root, model }),
  ];
  const skill = await make("/skills", { name: "notes", ou: root, description: "Notes", content: "# Notes" });
  const server = await make("/mcp-servers", { name: "crm", ou: root, url: "http://127.0.0.1:9/mcp" });
  const group = await make("/groups", { name: "team", ou: root });
  await make("/approval-policies", { name: "groups", ou: root, operations: ["group.create"], approvals_needed: 1 });
  const waiting = await admin.send("POST", "/groups", { name: "waits", ou: root });
  const { data: ous } = await admin.get<{ data: { id: string }[] }>("/ous");
  const { data: policies } = await admin.get<{ data: { id: string }[] }>("/approval-policies");
  const { data: bindings } = await admin.get<{ data: { id: string }[] }>("/bindings");
  const idsOf = (things: { id: string }[]) => things.map(({ id }) => id);
  const request = String(waiting.body["id"]);
  return {
    organisation,
    known: {
      agent_id: agents,
      skill_id: [skill],
      mcp_server_id: [server],
      group_id: [group],
      policy_id: idsOf(policies),
      binding_id: idsOf(bindings),
      request_id: [request],
      ou_id: idsOf(ous),
      user_id: [person.id],
      ou: [root, ou],
      parent: [root, ou],
      home_ou: [root, ou],
      user: [person.email],
      owner: [person.email],
      model: [model],
      digest: ["0".repeat(64)],
      position: ["1", "2"],
    },
  };
}
