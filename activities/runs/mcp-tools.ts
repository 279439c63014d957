import type { Sql } from "../../db/database.ts";
import { grantedRoots } from "../../db/queries/authority.ts";
import { findOfferedServers, type OfferedServer } from "../../db/queries/mcp-servers.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import { resultText } from "../../tools/mcp/result-text.ts";
import type { ToolSource } from "../../tools/spec.ts";
import { Overtaken } from "../beats.ts";
import type { Admitted } from "./admit-tool.ts";
import { capabilityMs, capabilityOf } from "./capability.ts";
import type { RunDeps } from "./deps.ts";
import type { ToolResult, Use } from "./execute.ts";
import { withMcpServer } from "./mcp-connection.ts";

/** A call may take as long as what it shows the server is good for. */
const callLimits = { timeoutMs: capabilityMs, bytes: 8 * 1024 * 1024 };

/** The server of a tool, or why it cannot be used any more: read anew at every call, like the rights of the person. */
export async function serverInForce(
  sql: Sql,
  run: Pick<RunRow, "requester_id" | "ou_ancestors">,
  registrationId: string,
  now: Date,
): Promise<{ ok: true; server: OfferedServer } | { ok: false; rule: string; reason: string }> {
  const roots = await grantedRoots(sql, run.requester_id, "mcp_server:read", now);
  const [server] = await findOfferedServers(sql, { id: registrationId }, run.ou_ancestors, roots);
  if (server === undefined)
    return { ok: false, rule: "mcp-server-removed", reason: "the registration of this tool's server has been removed" };
  if (!server.readable)
    return {
      ok: false,
      rule: "mcp-server-rights",
      reason: "the person this run acts for may not read this tool's server (any more)",
    };
  return { ok: true, server };
}

/**
 * Calls a tool of a registered server, once: what becomes of a call whose answer does not come is not known, and it is not
 * repeated. Whatever the server answers is a result for the model.
 */
export async function callServerTool(
  deps: RunDeps,
  admitted: Admitted,
  source: Extract<ToolSource, { kind: "mcp" }>,
  { signal, beforeItIsDone }: Use,
): Promise<ToolResult> {
  const { organisationId, run, step, spec } = admitted;
  const found = await deps.db.readOrganisation(organisationId, (sql) =>
    serverInForce(sql, run, source.server, deps.now()),
  );
  if (!found.ok) return { text: `Refused (${found.rule}): ${found.reason}`, ...failed };
  const { server } = found;
  // Its name and input schema let the client mirror arguments in headers where the server wants that (MCP 2026-07-28).
  const toolDefinition = { name: source.tool, inputSchema: { type: "object" as const, ...spec.inputSchema } };
  const outcome = await withMcpServer(
    deps.fetchOutside,
    { url: server.url, bearer: capabilityOf(deps, admitted) },
    callLimits,
    signal,
    async (client, options) => {
      await beforeItIsDone();
      return client.callTool({ name: source.tool, arguments: step.args ?? {} }, { ...options, toolDefinition });
    },
  );
  if (!outcome.ok) {
    if (outcome.error instanceof Overtaken) throw outcome.error;
    deps.log.warn({ err: outcome.error, run: run.id, server: server.name }, "a call of an MCP server's tool failed");
    return {
      ...failed,
      timedOut: outcome.late,
      text: `The MCP server ${server.name} gave no result: ${plainly(outcome.reason)}. Whether it has carried out the call is not known.`,
    };
  }
  const { text, error } = resultText(outcome.value, spec.outputSchema !== null);
  return { text: plainly(text), error, timedOut: false, exitCode: null };
}

const failed = { error: true, timedOut: false, exitCode: null };

/** As PostgreSQL can hold it. */
const plainly = (text: string): string => String(storable(text));
