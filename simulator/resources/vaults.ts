import { Router } from "express";
import { z } from "zod";
import { invalid, notFound } from "../http/errors.ts";
import { jsonBody } from "../http/json-body.ts";
import { flag } from "../http/pages.ts";
import { newId, timestamp } from "../ids.ts";
import type { Store } from "../store/store.ts";
import type { Vault } from "../store/wire.ts";
import { metadata, metadataPatch, patchMetadata } from "./fields.ts";
import { forwardPage } from "./listing.ts";

const create = z.strictObject({ display_name: z.string().min(1).max(255), metadata: metadata.optional() });
const update = z.strictObject({
  display_name: z.string().min(1).max(255).nullish(),
  metadata: metadataPatch.nullish(),
});

/** `/v1/vaults`. */
export function vaultRoutes(store: Store): Router {
  const router = Router();

  router.post("/v1/vaults", jsonBody, (req, res) => {
    const body = create.parse(req.body);
    const at = timestamp();
    const vault: Vault = {
      type: "vault",
      id: newId("vlt"),
      display_name: body.display_name,
      metadata: body.metadata ?? {},
      created_at: at,
      updated_at: at,
      archived_at: null,
    };
    store.vaults.insert(vault);
    res.json(vault);
  });

  router.get("/v1/vaults", (req, res) => {
    const withArchived = flag(req, "include_archived");
    res.json(forwardPage(req, store.vaults, { keep: (one) => withArchived || one.archived_at === null }));
  });

  router.get("/v1/vaults/:id", (req, res) => {
    res.json(findVault(store, req.params.id));
  });

  router.post("/v1/vaults/:id", jsonBody, (req, res) => {
    const body = update.parse(req.body);
    const current = findVault(store, String(req.params["id"]));
    if (current.archived_at !== null) throw invalid(`Vault ${current.id} is archived.`);
    const next: Vault = {
      ...current,
      display_name: body.display_name ?? current.display_name,
      metadata: patchMetadata(current.metadata, body.metadata),
      updated_at: timestamp(),
    };
    store.vaults.replace(next);
    res.json(next);
  });

  router.post("/v1/vaults/:id/archive", (req, res) => {
    const current = findVault(store, req.params.id);
    const at = timestamp();
    const archived = { ...current, archived_at: current.archived_at ?? at, updated_at: at };
    store.atomically(() => {
      store.vaults.replace(archived);
      for (const object of store.credentials.all(current.id)) {
        store.credentials.replace({ ...object, archived_at: object.archived_at ?? at }, current.id);
        store.secrets.remove(object.id);
      }
    });
    res.json(archived);
  });

  router.delete("/v1/vaults/:id", (req, res) => {
    const { id } = findVault(store, req.params.id);
    store.atomically(() => {
      for (const object of store.credentials.all(id)) {
        store.credentials.remove(object.id, id);
        store.secrets.remove(object.id);
      }
      store.vaults.remove(id);
    });
    res.json({ id, type: "vault_deleted" });
  });
  return router;
}

/** A vault, or 404. */
export function findVault(store: Store, id: string): Vault {
  const vault = store.vaults.get(id);
  if (vault === undefined) throw notFound(`Vault ${id} not found.`);
  return vault;
}
