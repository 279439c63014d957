import { Router } from "express";
import { conflict, invalid, notFound } from "../http/errors.ts";
import { jsonBody } from "../http/json-body.ts";
import { createdRange, flag, many, one } from "../http/pages.ts";
import { timestamp } from "../ids.ts";
import { checkDefinition, resolveTools } from "../resources/agent-definition.ts";
import { patchMetadata } from "../resources/fields.ts";
import { listPage } from "../resources/listing.ts";
import type { Store } from "../store/store.ts";
import type { Session } from "../store/wire.ts";
import { newSession } from "./create.ts";
import { sessionCreate, sessionUpdate } from "./schema.ts";
import { queueEvents } from "./send.ts";

/** `/v1/sessions`. `wake` lets a session work on what was queued. */
export function sessionRoutes(store: Store, wake: (sessionId: string) => void): Router {
  const router = Router();

  router.post("/v1/sessions", jsonBody, (req, res) => {
    const body = sessionCreate.parse(req.body);
    const session = store.atomically(() => {
      const created = newSession(store, body);
      store.sessions.insert(created);
      queueEvents(store, created, body.initial_events ?? []);
      return created;
    });
    if ((body.initial_events ?? []).length > 0) wake(session.id);
    res.json(findSession(store, session.id));
  });

  router.get("/v1/sessions", (req, res) => {
    const agentId = one(req, "agent_id");
    const agentVersion = one(req, "agent_version");
    const statuses = many(req, "statuses");
    const withArchived = flag(req, "include_archived");
    const keep = (session: Session) =>
      (withArchived || session.archived_at === null) &&
      (agentId === undefined || session.agent.id === agentId) &&
      (agentVersion === undefined || session.agent.version === Number(agentVersion)) &&
      (statuses === undefined || statuses.includes(session.status)) &&
      one(req, "deployment_id") === undefined &&
      one(req, "memory_store_id") === undefined;
    res.json(listPage(req, store.sessions, { created: createdRange(req), keep }));
  });

  router.get("/v1/sessions/:id", (req, res) => {
    res.json(findSession(store, req.params.id));
  });

  router.post("/v1/sessions/:id", jsonBody, (req, res) => {
    const body = sessionUpdate.parse(req.body);
    const current = findSession(store, String(req.params["id"]));
    if (current.archived_at !== null) throw conflict(`Session ${current.id} is archived.`);
    if (body.vault_ids !== undefined) throw invalid("vault_ids cannot be changed after creation.");
    if (body.agent !== undefined && current.status !== "idle") {
      throw invalid("agent cannot be changed while the session is running.");
    }
    if (body.budget != null && current.budget === null) {
      throw invalid("A budget can be attached at creation only.", "budget_create_only");
    }
    const agent = {
      ...current.agent,
      ...(body.agent?.tools === undefined ? {} : { tools: resolveTools(body.agent.tools ?? []) }),
      ...(body.agent?.mcp_servers === undefined ? {} : { mcp_servers: body.agent.mcp_servers ?? [] }),
    };
    checkDefinition({ tools: agent.tools, servers: agent.mcp_servers, skills: agent.skills });
    const next: Session = {
      ...current,
      agent,
      title: body.title === undefined ? current.title : body.title,
      metadata: patchMetadata(current.metadata, body.metadata),
      budget: body.budget === undefined ? current.budget : body.budget,
      updated_at: timestamp(),
    };
    store.sessions.replace(next);
    store.events.emit(current.id, {
      type: "session.updated",
      ...(body.agent === undefined ? {} : { agent: next.agent }),
      ...(body.title === undefined ? {} : { title: next.title }),
      ...(body.metadata == null ? {} : { metadata: next.metadata }),
      ...(body.budget === undefined ? {} : { budget: next.budget }),
    });
    res.json(next);
  });

  router.post("/v1/sessions/:id/archive", (req, res) => {
    const current = findSession(store, req.params.id);
    refuseWhileRunning(current);
    if (current.archived_at !== null) return void res.json(current);
    const at = timestamp();
    const archived: Session = { ...current, status: "terminated", archived_at: at, updated_at: at };
    store.sessions.replace(archived);
    store.events.emit(current.id, { type: "session.status_terminated" });
    return void res.json(archived);
  });

  router.delete("/v1/sessions/:id", (req, res) => {
    const current = findSession(store, req.params.id);
    refuseWhileRunning(current);
    store.atomically(() => {
      store.sessions.remove(current.id);
      store.knownTools.remove(current.id);
      store.events.erase(current.id);
    });
    res.json({ id: current.id, type: "session_deleted" });
  });
  return router;
}

/** A session with its running time, or 404. */
export function findSession(store: Store, id: string): Session {
  const session = store.sessions.get(id);
  if (session === undefined) throw notFound(`Session ${id} not found.`);
  const until = session.archived_at === null ? Date.now() : Date.parse(session.archived_at);
  const duration_seconds = Math.max(0, (until - Date.parse(session.created_at)) / 1000);
  return { ...session, stats: { ...session.stats, duration_seconds } };
}

function refuseWhileRunning({ id, status }: Session): void {
  if (status === "running" || status === "rescheduling") {
    throw invalid(`Session ${id} is running. Send user.interrupt first.`);
  }
}
