import type { z } from "zod";
import { invalid, notFound } from "../http/errors.ts";
import { newId, timestamp } from "../ids.ts";
import { checkDefinition, resolveModel, resolveSkills, resolveTools } from "../resources/agent-definition.ts";
import { findAgent } from "../resources/agents.ts";
import { findEnvironment } from "../resources/environments.ts";
import { skillVersionFinder } from "../resources/skills.ts";
import type { Store } from "../store/store.ts";
import type { Agent, Session } from "../store/wire.ts";
import type { sessionCreate } from "./schema.ts";

/** Builds the session a create request asks for; the agent is resolved and pinned now. */
export function newSession(store: Store, body: z.output<typeof sessionCreate>): Session {
  const agent = snapshot(store, body.agent);
  const environment = findEnvironment(store, body.environment_id);
  if (environment.archived_at !== null) throw invalid(`Environment ${environment.id} is archived.`);
  for (const id of body.vault_ids ?? []) {
    const vault = store.vaults.get(id);
    if (vault === undefined) throw notFound(`Vault ${id} not found.`);
    if (vault.archived_at !== null) throw invalid(`Vault ${id} is archived.`);
  }
  const at = timestamp();
  return {
    type: "session",
    id: newId("sesn"),
    agent,
    environment_id: environment.id,
    status: "idle",
    title: body.title ?? null,
    metadata: body.metadata ?? {},
    vault_ids: body.vault_ids ?? [],
    budget: body.budget ?? null,
    resources: [],
    outcome_evaluations: [],
    deployment_id: null,
    usage: noUsage(),
    stats: { active_seconds: 0, duration_seconds: 0 },
    created_at: at,
    updated_at: at,
    archived_at: null,
  };
}

function noUsage(): Session["usage"] {
  return {
    input_tokens: 0,
    output_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: 0 },
    active_seconds: 0,
    list_cost: null,
    server_tool_use: null,
  };
}

function snapshot(store: Store, param: z.output<typeof sessionCreate>["agent"]): Session["agent"] {
  const asked = typeof param === "string" ? { type: "agent" as const, id: param } : param;
  const agent = findAgent(store, asked.id, asked.version?.toString());
  if (agent.archived_at !== null) throw invalid(`Agent ${agent.id} is archived.`);
  const resolved = asked.type === "agent" ? agent : override(store, agent, asked);
  const { id, version, name, description, system, model, tools, mcp_servers, skills, execution_identity } = resolved;
  const base = { id, version, name, description, system, model, tools, mcp_servers, skills, execution_identity };
  return { ...base, type: "agent", multiagent: null };
}

type Overrides = Extract<z.output<typeof sessionCreate>["agent"], { type: "agent_with_overrides" }>;

function override(store: Store, agent: Agent, overrides: Overrides): Agent {
  if (overrides.model === null) throw invalid("agent.model cannot be cleared.", "agent_model_required");
  const overridden: Agent = {
    ...agent,
    model: overrides.model === undefined ? agent.model : resolveModel(overrides.model, agent.model),
    system: overrides.system === undefined ? agent.system : overrides.system || null,
    tools: overrides.tools === undefined ? agent.tools : resolveTools(overrides.tools ?? []),
    mcp_servers: overrides.mcp_servers === undefined ? agent.mcp_servers : (overrides.mcp_servers ?? []),
    skills:
      overrides.skills === undefined ? agent.skills : resolveSkills(overrides.skills ?? [], skillVersionFinder(store)),
  };
  checkDefinition({ tools: overridden.tools, servers: overridden.mcp_servers, skills: overridden.skills });
  return overridden;
}
