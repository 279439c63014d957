import type { ApiClient } from "./api-client.ts";
import { CliFailure, exitCodes, usageFailure } from "./failure.ts";
import { oneLine } from "./printable.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

interface Candidate {
  id: string;
  name: string;
  ou_path: string;
}

/** The id of an agent given by id, by name, or, when a name is there twice, as `/acme/sales/its-name`. */
export async function agentId(api: ApiClient, reference: string): Promise<string> {
  if (uuid.test(reference)) return reference;
  const cut = reference.lastIndexOf("/");
  const ou = reference.slice(0, Math.max(cut, 0));
  const name = reference.slice(cut + 1);
  const found = await api.get<{ data: Candidate[] }>("/agents", { name, ...(ou === "" ? {} : { ou }) });
  const agents = found.data.filter((agent) => agent.name === name && (ou === "" || agent.ou_path === ou));
  const [only] = agents;
  if (only === undefined)
    throw new CliFailure(exitCodes.failed, `There is no agent named \`${oneLine(reference)}\` that you may see.`, {
      code: "not_found",
      status: 404,
    });
  if (agents.length === 1) return only.id;
  const which = agents.map((agent) => `${oneLine(agent.ou_path)}/${oneLine(agent.name)}`).join(", ");
  throw usageFailure(`${agents.length} agents are named \`${oneLine(name)}\`: say which, by id or as one of ${which}.`);
}
