import { setImmediate as nextTurn } from "node:timers/promises";
import type { Client, RequestOptions } from "@modelcontextprotocol/client";
import { Context } from "@temporalio/activity";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { RunRef } from "../../core/ids.ts";
import { grantedRoots } from "../../db/queries/authority.ts";
import { findOfferedServers, type OfferedServer } from "../../db/queries/mcp-servers.ts";
import { type RunRow, requireRun } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import { canPrefix, namesInRuns } from "../../tools/mcp/tool-names.ts";
import { type ListedTool, specOf } from "../../tools/mcp/tool-spec.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { listingCapability } from "./capability.ts";
import { definitionOf } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { withMcpServer } from "./mcp-connection.ts";
import { allows } from "./offered-tools.ts";

/** What came of one server that definitions of a tree name. */
export interface ServerOffer {
  /** As definitions call it. */
  server: string;
  registrationId: string | null;
  specs: ToolSpec[];
  /** Why none of its tools can be used; null when some can, or when nothing was wrong with it. */
  unavailable: string | null;
  /** It was there, and the person has no right to it. */
  refused: boolean;
  leftOut: { tool: string; reason: string }[];
}

/** All of it must fit into one attempt of the activity, 30 s. */
const allMs = 20_000;
const oneMs = 10_000;
const atOnce = 4;
const mostServers = 16;
const mostTools = 200;
const mostPages = 50;
const listingBytes = 16 * 1024 * 1024;
/** Of the specs of one server, as JSON: they are read with every call of its runs. */
const specBytes = 1024 * 1024;

/**
 * Asks the servers that the pinned definitions of a starting tree of runs name which tools they have. Only the start of a
 * root run asks; what it learns is stored with the start and holds for the tree. No server can fail a run: one that cannot be
 * used is an offer that says why.
 */
export async function askServers(deps: RunDeps, ref: RunRef): Promise<ServerOffer[]> {
  const asked = await deps.db.readOrganisation(ref.organisationId, async (sql) => {
    const run = await requireRun(sql, ref.runId);
    if (run.parent_run_id !== null || run.status !== "received") return undefined;
    const definitions: AgentDefinition[] = [];
    for (const id of Object.values(run.pinned)) definitions.push(await definitionOf(sql, { definition_id: id }));
    const entries = [...new Set(definitions.flatMap(({ tools }) => tools.filter((tool) => tool.includes("__"))))];
    const names = [...new Set(entries.map(serverIn))].sort();
    if (names.length === 0) return undefined;
    const roots = await grantedRoots(sql, run.requester_id, "mcp_server:read", deps.now());
    return { run, entries, names, servers: await findOfferedServers(sql, { names }, run.ou_ancestors, roots) };
  });
  if (asked === undefined) return [];
  const { run, entries, names, servers } = asked;
  const late = AbortSignal.timeout(allMs);
  const { cancellationSignal } = Context.current();
  const until = AbortSignal.any([late, cancellationSignal]);
  const offers: ServerOffer[] = [];
  const waiting = names.entries();
  const worker = async () => {
    for (const [index, name] of waiting) {
      const server = servers.find((one) => one.name === name);
      const lines = entries.filter((entry) => serverIn(entry) === name);
      offers[index] =
        index < mostServers
          ? await offerOf(deps, ref, run, { name, server, lines }, until)
          : none(name, null, `at most ${mostServers} servers are asked for one run`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  // What was interrupted says nothing of the servers.
  cancellationSignal.throwIfAborted();
  return offers;
}

const serverIn = (entry: string): string => entry.slice(0, entry.indexOf("__"));

const none = (server: string, registrationId: string | null, unavailable: string): ServerOffer => ({
  server,
  registrationId,
  specs: [],
  unavailable,
  refused: false,
  leftOut: [],
});

async function offerOf(
  deps: RunDeps,
  ref: RunRef,
  run: RunRow,
  { name, server, lines }: { name: string; server: OfferedServer | undefined; lines: readonly string[] },
  until: AbortSignal,
): Promise<ServerOffer> {
  // One that is there and not for this person is as absent as an unknown one; the audit trail tells them apart.
  if (server?.readable !== true)
    return {
      ...none(
        name,
        server?.id ?? null,
        `no MCP server of this name is registered at ${run.ou_path} or above that ${run.requester_email} may read`,
      ),
      refused: server !== undefined,
    };
  if (server.deployment === "shared")
    return none(name, server.id, "it serves sessions of agents: runs use operations of the control plane as tools");
  if (!canPrefix(name))
    return none(name, server.id, "its name is too long to begin the names of tools: at most 40 characters");
  const bearer = listingCapability(deps, { ...ref, registrationId: server.id, milliseconds: oneMs });
  const limits = { timeoutMs: oneMs, bytes: listingBytes };
  const listed = await withMcpServer(deps.fetchOutside, { url: server.url, bearer }, limits, until, listAll);
  if (!listed.ok) {
    deps.log.warn({ err: listed.error, run: run.id, server: name }, "an MCP server cannot be used");
    const reason = until.aborted
      ? `the servers of this run together took longer than ${allMs / 1000} s`
      : listed.reason;
    return none(name, server.id, String(storable(reason)));
  }
  const { specs, leftOut } = await specsOf(server, listed.value, lines, until);
  return { ...none(name, server.id, ""), unavailable: null, specs, leftOut };
}

async function listAll(client: Client, options: RequestOptions): Promise<{ tools: ListedTool[]; more: boolean }> {
  const tools: ListedTool[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const answer = await client.request({ method: "tools/list", params }, options);
    tools.push(...answer.tools);
    cursor = answer.nextCursor;
    if (cursor === undefined || tools.length > mostTools) break;
  }
  return { tools: tools.slice(0, mostTools), more: cursor !== undefined || tools.length > mostTools };
}

/** Of what a server lists, the tools that some definition of the tree allows. */
async function specsOf(
  server: OfferedServer,
  { tools, more }: { tools: readonly ListedTool[]; more: boolean },
  entries: readonly string[],
  until: AbortSignal,
): Promise<Pick<ServerOffer, "specs" | "leftOut">> {
  const specs: ToolSpec[] = [];
  const leftOut: ServerOffer["leftOut"] = [];
  const leave = (tool: string, reason: string) =>
    leftOut.push({ tool: String(storable(tool)).slice(0, 100), reason: String(storable(reason)).slice(0, 300) });
  const names = namesInRuns(
    server.name,
    tools.map(({ name }) => name),
  );
  let bytes = 0;
  for (const [tool, name] of names) {
    if (!allows(entries, name)) continue;
    // Compiling schemas takes time that the activity's heartbeat must not wait for.
    await nextTurn();
    const listed = tools.find((one) => one.name === tool);
    if (listed === undefined) continue;
    // Before it is compiled: what is left out takes time as well.
    bytes += Buffer.byteLength(JSON.stringify(listed));
    const made = until.aborted
      ? { ok: false as const, reason: `the servers of this run together took longer than ${allMs / 1000} s` }
      : bytes > specBytes
        ? {
            ok: false as const,
            reason: `the descriptions and schemas of the server's tools together have more than ${specBytes} bytes`,
          }
        : specOf(server, listed, name);
    if (made.ok) specs.push(storable(made.spec) as ToolSpec);
    else leave(tool, made.reason);
  }
  const known = new Set([...specs.map(({ name }) => name), ...leftOut.map(({ tool }) => names.get(tool) ?? "")]);
  for (const entry of entries)
    if (!entry.endsWith("__*") && !known.has(entry)) leave(entry, "the server does not list it");
  if (more) leave("…", `the server lists more than the ${mostTools} tools that are taken of one`);
  return { specs, leftOut };
}
