import { z } from "zod";
import { description, displayName, ouReference, serverUrl, slug } from "../contracts/fields.ts";
import { mcpServerView } from "../contracts/views.ts";
import { hashToken, mintToken } from "../core/bearer.ts";
import { PowerloomError } from "../core/errors.ts";
import { findMcpServer, mcpServerToView } from "../db/queries/mcp-servers.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu } from "./lookups.ts";

export const registerMcpServer = defineOperation({
  name: "mcp_server.register",
  summary: "Register an MCP server, so that agents in this OU and below can use it",
  permission: "mcp_server:register",
  risk: "high",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/mcp-servers", status: 201 },
  command: "mcp-servers register",
  readPermission: "mcp_server:read",
  input: z.object({
    name: slug,
    ou: ouReference,
    url: serverUrl,
    display_name: displayName.optional(),
    description: description.default(""),
    deployment: z
      .enum(["external", "shared"])
      .default("external")
      .describe("shared: powerloom_meta or powerloom_runs; needs organisation:administer"),
  }),
  output: mcpServerView.extend({
    introspection_secret: z
      .string()
      .optional()
      .describe("With the server's id, the client credentials for RFC 7662 introspection. Shown once"),
  }),

  async preview({ tx, authorise }, input) {
    const ou = await requireOu(tx, input.ou);
    await authorise(ou);
    const taken = await tx.maybe<{ id: string }>(
      "select id from mcp_servers where ou_id = $1 and name = $2 and removed_at is null",
      [ou.id, input.name],
    );
    if (taken !== undefined)
      throw new PowerloomError("conflict", `An MCP server named \`${input.name}\` already exists in \`${ou.path}\`.`, {
        pointer: "/name",
        existing_id: taken.id,
      });
    const spec = {
      name: input.name,
      display_name: input.display_name ?? input.name,
      description: input.description,
      url: input.url,
      deployment: input.deployment,
    };
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: spec,
      before: null,
      after: { ...spec, ou: ou.path },
      summary: `Register MCP server ${input.name} (${input.url}) in ${ou.path}`,
      alsoNeeds: input.deployment === "shared" ? [{ permission: "organisation:administer" as const, ou }] : [],
    };
  },

  async apply({ tx, newId }, _input, { ou, plan }) {
    const id = newId();
    const introspectionSecret = mintToken("pli");
    await tx.run(
      `insert into mcp_servers (id, organisation_id, ou_id, name, display_name, description, url, deployment, introspection_hash)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        id,
        tx.organisationId,
        ou.id,
        plan.name,
        plan.display_name,
        plan.description,
        plan.url,
        plan.deployment,
        hashToken(introspectionSecret),
      ],
    );
    const row = await findMcpServer(tx, id);
    if (row === undefined) throw new Error("the registration just created cannot be read");
    return {
      target: { type: "mcp_server", id },
      result: mcpServerToView(row),
      secret: { introspection_secret: introspectionSecret },
    };
  },
});
