import { Router } from "express";
import { z } from "zod";
import { conflict, invalid, notFound } from "../http/errors.ts";
import { jsonBody } from "../http/json-body.ts";
import { flag } from "../http/pages.ts";
import { newId, timestamp } from "../ids.ts";
import type { Store } from "../store/store.ts";
import type { Credential } from "../store/wire.ts";
import { authCreate, authUpdate, credentialKey, normaliseUrl, rotateAuth, splitAuth } from "./credential-auth.ts";
import { metadata, metadataPatch, patchMetadata } from "./fields.ts";
import { forwardPage } from "./listing.ts";
import { findVault } from "./vaults.ts";

const create = z.strictObject({
  auth: authCreate,
  display_name: z.string().max(255).nullish(),
  metadata: metadata.optional(),
});
const update = z.strictObject({
  auth: authUpdate.optional(),
  display_name: z.string().max(255).nullish(),
  metadata: metadataPatch.nullish(),
});
const base = "/v1/vaults/:vault/credentials";

/** `/v1/vaults/{id}/credentials`. Secrets go in and never come out. */
export function credentialRoutes(store: Store): Router {
  const router = Router();

  router.post(base, jsonBody, (req, res) => {
    const body = create.parse(req.body);
    const vault = findVault(store, String(req.params["vault"]));
    if (vault.archived_at !== null) throw invalid(`Vault ${vault.id} is archived.`);
    const { shown, secret } = splitAuth(body.auth);
    const others = store.credentials.all(vault.id).filter((other) => other.archived_at === null);
    if (others.some((other) => credentialKey(other.auth) === credentialKey(shown))) {
      throw conflict("The vault has an active credential for this URL or name already.");
    }
    if (others.length >= 20) throw invalid("A vault holds at most 20 credentials.");
    const at = timestamp();
    const credential: Credential = {
      type: "vault_credential",
      id: newId("vcrd"),
      vault_id: vault.id,
      display_name: body.display_name ?? null,
      metadata: body.metadata ?? {},
      auth: shown,
      created_at: at,
      updated_at: at,
      archived_at: null,
    };
    store.atomically(() => {
      store.credentials.insert(credential, vault.id);
      store.secrets.insert({ id: credential.id, created_at: at, values: secret });
    });
    res.json(credential);
  });

  router.get(base, (req, res) => {
    const vault = findVault(store, req.params.vault);
    const withArchived = flag(req, "include_archived");
    res.json(
      forwardPage(req, store.credentials, {
        parent: vault.id,
        keep: (one) => withArchived || one.archived_at === null,
      }),
    );
  });

  router.get(`${base}/:id`, (req, res) => {
    res.json(findCredential(store, req.params.vault, req.params.id));
  });

  router.post(`${base}/:id`, jsonBody, (req, res) => {
    const body = update.parse(req.body);
    const current = findCredential(store, String(req.params["vault"]), String(req.params["id"]));
    if (current.archived_at !== null) throw invalid(`Credential ${current.id} is archived.`);
    const stored = store.secrets.get(current.id);
    const before = { shown: current.auth, secret: stored?.values ?? {} };
    const after = body.auth === undefined ? before : rotateAuth(before, body.auth);
    const next: Credential = {
      ...current,
      display_name: body.display_name === undefined ? (current.display_name ?? null) : body.display_name,
      metadata: patchMetadata(current.metadata, body.metadata),
      auth: after.shown,
      updated_at: timestamp(),
    };
    store.atomically(() => {
      store.credentials.replace(next, current.vault_id);
      store.secrets.replace({ id: current.id, created_at: current.created_at, values: after.secret });
    });
    res.json(next);
  });

  router.post(`${base}/:id/archive`, (req, res) => {
    const current = findCredential(store, req.params.vault, req.params.id);
    const archived = { ...current, archived_at: current.archived_at ?? timestamp() };
    store.atomically(() => {
      store.credentials.replace(archived, current.vault_id);
      store.secrets.remove(current.id);
    });
    res.json(archived);
  });

  router.delete(`${base}/:id`, (req, res) => {
    const { id, vault_id } = findCredential(store, req.params.vault, req.params.id);
    store.atomically(() => {
      store.credentials.remove(id, vault_id);
      store.secrets.remove(id);
    });
    res.json({ id, type: "vault_credential_deleted" });
  });
  return router;
}

/** The bearer for a server's URL: vaults in the session's order, the first match wins; undefined when none matches. */
export function bearerFor(store: Store, vaultIds: string[], serverUrl: string): string | undefined {
  const wanted = normaliseUrl(serverUrl);
  for (const vaultId of vaultIds) {
    for (const object of store.credentials.all(vaultId)) {
      if (object.archived_at !== null || object.auth.type === "environment_variable") continue;
      if (normaliseUrl(object.auth.mcp_server_url) !== wanted) continue;
      const bearer = store.secrets.get(object.id)?.values["bearer"];
      if (bearer !== undefined) return bearer;
    }
  }
  return undefined;
}

function findCredential(store: Store, vaultId: string, id: string): Credential {
  const credential = store.credentials.get(id, findVault(store, vaultId).id);
  if (credential === undefined) throw notFound(`Credential ${id} not found.`);
  return credential;
}
