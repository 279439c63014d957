import { Router } from "express";
import { z } from "zod";
import { conflict, invalid, notFound } from "../http/errors.ts";
import { jsonBody } from "../http/json-body.ts";
import { flag } from "../http/pages.ts";
import { newId, timestamp } from "../ids.ts";
import type { Store } from "../store/store.ts";
import type { Environment } from "../store/wire.ts";
import { metadata, metadataPatch, patchMetadata } from "./fields.ts";
import { forwardPage } from "./listing.ts";

const names = z.array(z.string()).nullish();
const config = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("cloud"),
    networking: z
      .discriminatedUnion("type", [
        z.strictObject({ type: z.literal("unrestricted") }),
        z.strictObject({
          type: z.literal("limited"),
          allowed_hosts: names,
          allow_mcp_servers: z.boolean().nullish(),
          allow_package_managers: z.boolean().nullish(),
        }),
      ])
      .nullish(),
    packages: z
      .strictObject({
        type: z.literal("packages").optional(),
        apt: names,
        cargo: names,
        gem: names,
        go: names,
        npm: names,
        pip: names,
      })
      .nullish(),
  }),
  z.strictObject({ type: z.literal("self_hosted") }),
]);
const common = {
  description: z.string().nullish(),
  config: config.nullish(),
  scope: z.enum(["organization", "account"]).nullish(),
};
const create = z.strictObject({ ...common, name: z.string().min(1).max(256), metadata: metadata.optional() });
const update = z.strictObject({
  ...common,
  name: z.string().min(1).max(256).nullish(),
  metadata: metadataPatch.nullish(),
});

function resolveConfig(param: z.output<typeof config> | null | undefined): Environment["config"] {
  if (param?.type === "self_hosted") return { type: "self_hosted" };
  const networking = param?.networking;
  const packages = param?.packages;
  return {
    type: "cloud",
    networking:
      networking?.type === "limited"
        ? {
            type: "limited",
            allowed_hosts: networking.allowed_hosts ?? [],
            allow_mcp_servers: networking.allow_mcp_servers ?? false,
            allow_package_managers: networking.allow_package_managers ?? false,
          }
        : { type: "unrestricted" },
    packages: {
      type: "packages",
      apt: packages?.apt ?? [],
      cargo: packages?.cargo ?? [],
      gem: packages?.gem ?? [],
      go: packages?.go ?? [],
      npm: packages?.npm ?? [],
      pip: packages?.pip ?? [],
    },
  };
}

/** `/v1/environments`. */
export function environmentRoutes(store: Store): Router {
  const router = Router();
  const refuseDuplicate = (name: string, except?: string) => {
    for (const object of store.environments.all()) {
      if (object.name === name && object.id !== except)
        throw conflict(`An environment named "${name}" exists already.`);
    }
  };

  router.post("/v1/environments", jsonBody, (req, res) => {
    const body = create.parse(req.body);
    refuseDuplicate(body.name);
    const at = timestamp();
    const environment: Environment = {
      type: "environment",
      id: newId("env"),
      name: body.name,
      description: body.description ?? null,
      config: resolveConfig(body.config),
      metadata: body.metadata ?? {},
      scope: body.scope ?? "organization",
      created_at: at,
      updated_at: at,
      archived_at: null,
    };
    store.environments.insert(environment);
    res.json(environment);
  });

  router.get("/v1/environments", (req, res) => {
    const withArchived = flag(req, "include_archived");
    res.json(forwardPage(req, store.environments, { keep: (one) => withArchived || one.archived_at === null }));
  });

  router.get("/v1/environments/:id", (req, res) => {
    res.json(findEnvironment(store, req.params.id));
  });

  router.post("/v1/environments/:id", jsonBody, (req, res) => {
    const body = update.parse(req.body);
    const current = findEnvironment(store, String(req.params["id"]));
    if (current.archived_at !== null) throw invalid(`Environment ${current.id} is archived.`, "environment_archived");
    if (body.config != null && body.config.type !== current.config.type) {
      throw invalid("config.type cannot be changed.", "invalid_config_type_change");
    }
    if (body.name != null) refuseDuplicate(body.name, current.id);
    const next: Environment = {
      ...current,
      name: body.name ?? current.name,
      description: body.description === undefined ? current.description : body.description,
      config: body.config == null ? current.config : resolveConfig(body.config),
      metadata: patchMetadata(current.metadata, body.metadata),
      updated_at: timestamp(),
    };
    store.environments.replace(next);
    res.json(next);
  });

  router.post("/v1/environments/:id/archive", (req, res) => {
    const current = findEnvironment(store, req.params.id);
    const archived = { ...current, archived_at: current.archived_at ?? timestamp() };
    store.environments.replace(archived);
    res.json(archived);
  });

  router.delete("/v1/environments/:id", (req, res) => {
    const { id } = findEnvironment(store, req.params.id);
    for (const object of store.sessions.all()) {
      if (object.environment_id === id) throw conflict(`Environment ${id} is used by session ${object.id}.`);
    }
    store.environments.remove(id);
    res.json({ id, type: "environment_deleted" });
  });
  return router;
}

/** An environment, or the typed 404. */
export function findEnvironment(store: Store, id: string): Environment {
  const found = store.environments.get(id);
  if (found === undefined) throw notFound(`Environment ${id} not found.`, "environment_not_found");
  return found;
}
