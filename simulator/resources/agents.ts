import { Router } from "express";
import { ApiError, conflict, invalid, notFound } from "../http/errors.ts";
import { jsonBody } from "../http/json-body.ts";
import { createdRange, flag, one } from "../http/pages.ts";
import { newId, timestamp } from "../ids.ts";
import type { Store } from "../store/store.ts";
import type { Agent } from "../store/wire.ts";
import { checkDefinition, resolveModel, resolveSkills, resolveTools } from "./agent-definition.ts";
import { agentCreate, agentUpdate } from "./agent-schema.ts";
import { patchMetadata, sameJson } from "./fields.ts";
import { forwardPage } from "./listing.ts";
import { skillVersionFinder } from "./skills.ts";

/** `/v1/agents`. */
export function agentRoutes(store: Store): Router {
  const router = Router();
  const findSkill = skillVersionFinder(store);

  const keep = (agent: Agent, isNew: boolean) =>
    store.atomically(() => {
      if (isNew) store.agents.insert(agent);
      else store.agents.replace(agent);
      store.agentVersions.insert({ id: String(agent.version), created_at: agent.updated_at, agent }, agent.id);
      return agent;
    });

  router.post("/v1/agents", jsonBody, (req, res) => {
    const body = agentCreate.parse(req.body);
    const at = timestamp();
    const servers = body.mcp_servers ?? [];
    const tools = resolveTools(body.tools ?? []);
    const skills = resolveSkills(body.skills ?? [], findSkill);
    checkDefinition({ tools, servers, skills });
    res.json(
      keep(
        {
          type: "agent",
          id: newId("agent"),
          version: 1,
          name: body.name,
          description: body.description || null,
          system: body.system || null,
          model: resolveModel(body.model),
          tools,
          mcp_servers: servers,
          skills,
          metadata: body.metadata ?? {},
          multiagent: (body.multiagent ?? null) as Agent["multiagent"],
          execution_identity: body.execution_identity ?? { type: "service_account" },
          created_at: at,
          updated_at: at,
          archived_at: null,
        },
        true,
      ),
    );
  });

  router.get("/v1/agents", (req, res) => {
    const withArchived = flag(req, "include_archived");
    const keep = (agent: Agent) => withArchived || agent.archived_at === null;
    res.json(forwardPage(req, store.agents, { created: createdRange(req), keep }));
  });

  router.get("/v1/agents/:id", (req, res) => {
    res.json(findAgent(store, req.params.id, one(req, "version")));
  });

  router.get("/v1/agents/:id/versions", (req, res) => {
    const agent = findAgent(store, req.params.id);
    const { data, next_page } = forwardPage(req, store.agentVersions, { parent: agent.id });
    res.json({ data: data.map((version) => version.agent), next_page });
  });

  router.post("/v1/agents/:id", jsonBody, (req, res) => {
    const body = agentUpdate.parse(req.body);
    const current = findAgent(store, String(req.params["id"]));
    if (current.archived_at !== null) throw invalid(`Agent ${current.id} is archived and cannot be updated.`);
    if (body.version !== undefined && body.version !== current.version) {
      throw conflict(`Agent ${current.id} is at version ${current.version}, not ${body.version}. Read it again.`);
    }
    const next: Agent = {
      ...current,
      name: body.name ?? current.name,
      description: body.description === undefined ? current.description : body.description || null,
      system: body.system === undefined ? current.system : body.system || null,
      model: body.model === undefined ? current.model : resolveModel(body.model, current.model),
      tools: body.tools === undefined ? current.tools : resolveTools(body.tools ?? []),
      mcp_servers: body.mcp_servers === undefined ? current.mcp_servers : (body.mcp_servers ?? []),
      skills: body.skills === undefined ? current.skills : resolveSkills(body.skills ?? [], findSkill),
      metadata: patchMetadata(current.metadata, body.metadata),
      multiagent:
        body.multiagent === undefined ? current.multiagent : ((body.multiagent ?? null) as Agent["multiagent"]),
      execution_identity: body.execution_identity ?? current.execution_identity,
    };
    checkDefinition({ tools: next.tools, servers: next.mcp_servers, skills: next.skills });
    if (sameJson(next, current)) return void res.json(current);
    return void res.json(keep({ ...next, version: current.version + 1, updated_at: timestamp() }, false));
  });

  router.post("/v1/agents/:id/archive", (req, res) => {
    const current = findAgent(store, req.params.id);
    const at = timestamp();
    const archived = current.archived_at === null ? { ...current, archived_at: at, updated_at: at } : current;
    store.agents.replace(archived);
    res.json(archived);
  });
  return router;
}

/** An agent, at its newest or at a given version. */
export function findAgent(store: Store, id: string, version?: string): Agent {
  const agent = store.agents.get(id);
  if (agent === undefined) throw notFound(`Agent ${id} not found.`);
  if (version === undefined) return agent;
  if (!/^[1-9]\d*$/.test(version)) throw new ApiError(400, "version: must be a positive integer");
  const stored = store.agentVersions.get(version, id);
  if (stored === undefined) throw notFound(`Agent ${id} has no version ${version}.`);
  return { ...stored.agent, archived_at: agent.archived_at };
}
