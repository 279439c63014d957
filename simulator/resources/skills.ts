import { type Request, Router } from "express";
import { ApiError, invalid, notFound } from "../http/errors.ts";
import { one } from "../http/pages.ts";
import { newId, timestamp } from "../ids.ts";
import type { Store } from "../store/store.ts";
import type { Skill, SkillVersion } from "../store/wire.ts";
import { forwardPage } from "./listing.ts";

const uploadLimit = 30 * 1024 * 1024;

/** `/v1/skills`, with multipart uploads. */
export function skillRoutes(store: Store): Router {
  const router = Router();

  const addVersion = (skillId: string, upload: Upload): SkillVersion => {
    const version: SkillVersion = {
      type: "skill_version",
      id: newId("skillver"),
      skill_id: skillId,
      name: upload.name,
      description: upload.description,
      created_at: timestamp(),
    };
    store.skillVersions.insert(version, skillId);
    return version;
  };

  router.post("/v1/skills", async (req, res) => {
    const upload = await readUpload(req);
    const id = newId("skill");
    const skill = store.atomically((): Skill => {
      const version = addVersion(id, upload);
      const at = version.created_at;
      const created: Skill = {
        type: "skill",
        id,
        display_name: upload.displayName ?? upload.name,
        latest_version_id: version.id,
        source: { type: "custom" },
        created_at: at,
        updated_at: at,
      };
      store.skills.insert(created);
      return created;
    });
    res.json(skill);
  });

  router.get("/v1/skills", (req, res) => {
    const source = one(req, "source");
    const keep = (skill: Skill) => source === undefined || skill.source.type === source;
    res.json(forwardPage(req, store.skills, { keep }));
  });

  router.get("/v1/skills/:id", (req, res) => {
    res.json(findSkill(store, req.params.id));
  });

  router.delete("/v1/skills/:id", (req, res) => {
    const { id } = findSkill(store, req.params.id);
    store.atomically(() => {
      for (const object of store.skillVersions.all(id)) {
        store.skillVersions.remove(object.id, id);
      }
      store.skills.remove(id);
    });
    res.json({ id, type: "skill_deleted" });
  });

  router.post("/v1/skills/:id/versions", async (req, res) => {
    const { id } = findSkill(store, req.params.id);
    const upload = await readUpload(req);
    const version = store.atomically(() => {
      const added = addVersion(id, upload);
      const skill = findSkill(store, id);
      store.skills.replace({ ...skill, latest_version_id: added.id, updated_at: added.created_at });
      return added;
    });
    res.json(version);
  });

  router.get("/v1/skills/:id/versions", (req, res) => {
    const { id } = findSkill(store, req.params.id);
    res.json(forwardPage(req, store.skillVersions, { parent: id }));
  });

  router.get("/v1/skills/:id/versions/:version", (req, res) => {
    res.json(findVersion(store, req.params.id, req.params.version));
  });

  router.delete("/v1/skills/:id/versions/:version", (req, res) => {
    const { id } = findVersion(store, req.params.id, req.params.version);
    store.skillVersions.remove(id, req.params.id);
    const newest = store.skillVersions.all(req.params.id).at(-1);
    const skill = findSkill(store, req.params.id);
    if (newest !== undefined) store.skills.replace({ ...skill, latest_version_id: newest.id });
    res.json({ id, type: "skill_version_deleted" });
  });
  return router;
}

/** Finds the version of a skill an agent refers to; no version means the newest. */
export function skillVersionFinder(store: Store) {
  return (skillId: string, version: string | undefined): SkillVersion | undefined => {
    const skill = store.skills.get(skillId);
    return skill && store.skillVersions.get(version ?? skill.latest_version_id, skillId);
  };
}

function findSkill(store: Store, id: string): Skill {
  const skill = store.skills.get(id);
  if (skill === undefined) throw notFound(`Skill ${id} not found.`);
  return skill;
}

function findVersion(store: Store, skillId: string, id: string): SkillVersion {
  const version = store.skillVersions.get(id, findSkill(store, skillId).id);
  if (version === undefined) throw notFound(`Skill ${skillId} has no version ${id}.`);
  return version;
}

interface Upload {
  displayName: string | undefined;
  name: string;
  description: string;
}

async function readUpload(req: Request): Promise<Upload> {
  const type = req.header("content-type") ?? "";
  if (!type.startsWith("multipart/form-data")) throw invalid("The request must be multipart/form-data.");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > uploadLimit) throw new ApiError(413, "Request exceeds the maximum size");
    chunks.push(chunk);
  }
  const form = await new Response(Buffer.concat(chunks), { headers: { "content-type": type } }).formData().catch(() => {
    throw invalid("The multipart body cannot be parsed.");
  });
  const files = [...form.getAll("files[]"), ...form.getAll("files")].filter((part) => part instanceof File);
  if (files.length === 0) throw invalid("files: at least one file is required");
  const folders = new Set(files.map((file) => file.name.split("/")[0]));
  const main = files.find((file) => /^[^/]+\/SKILL\.md$/.test(file.name));
  if (main === undefined || folders.size !== 1) {
    throw invalid("files: must lie in one top folder that contains SKILL.md");
  }
  const front = frontMatter(await main.text());
  const displayName = form.get("display_name");
  return {
    displayName: typeof displayName === "string" && displayName !== "" ? displayName : undefined,
    name: front["name"] ?? main.name.split("/")[0] ?? "skill",
    description: front["description"] ?? "",
  };
}

// Enough YAML for the two fields that count: `key: value` lines between the first two `---`.
function frontMatter(text: string): Record<string, string> {
  const block = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "";
  const fields: Record<string, string> = {};
  for (const line of block.split(/\r?\n/)) {
    const [, key, value] = /^([a-z_-]+):\s*(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) fields[key] = value.replace(/^(["'])(.*)\1$/, "$2");
  }
  return fields;
}
