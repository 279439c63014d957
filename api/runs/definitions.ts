import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { loadDefinitions, parseDefinitions } from "../../contracts/agent-definition-file.ts";
import { digestOf } from "../../core/canonical.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { Tx } from "../../db/database.ts";

const shipped = fileURLToPath(new URL("../../agents", import.meta.url));

export type Definitions = ReadonlyMap<string, AgentDefinition>;

/**
 * Reads ours, and those of a directory of the user's own, which come before ours of the same id.
 * @throws PowerloomError that names every fault with file, line and what would be valid
 */
export async function readDefinitions(own: string | undefined): Promise<Definitions> {
  const found = new Map<string, AgentDefinition>();
  const theirs = own === undefined ? [] : await sourcesIn(own);
  const idsIn = ({ text, file }: { text: string; file: string }) =>
    parseDefinitions(text, file).definitions.map(({ id }) => id);
  const replaced = new Set(theirs.flatMap(idsIn));
  const ours = (await sourcesIn(shipped)).filter((source) => !idsIn(source).some((id) => replaced.has(id)));
  const { definitions, faults } = loadDefinitions([...ours, ...theirs]);
  if (faults.length > 0)
    throw new PowerloomError(
      "invalid_input",
      `Agent definitions cannot be used:\n${faults.map(({ file, line, column, message }) => `  ${file}:${line}:${column}: ${message}`).join("\n")}`,
    );
  for (const definition of definitions) found.set(definition.id, definition);
  return found;
}

async function sourcesIn(directory: string): Promise<{ file: string; text: string }[]> {
  const names = (await readdir(directory)).filter((name) => /\.ya?ml$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({ file: join(directory, name), text: await readFile(join(directory, name), "utf8") })),
  );
}

/**
 * Pins an agent and all it may delegate to, in the versions of now: a run goes on with what it began with, whatever
 * becomes of the files. A text that is new gets the next version.
 * @returns agent id → id of the stored definition
 */
export async function pinDefinitions(
  tx: Tx,
  all: Definitions,
  agent: string,
  newId: () => string,
): Promise<Record<string, string>> {
  const names = new Set<string>();
  const wanted = [agent];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const definition = all.get(name);
    if (definition === undefined || names.has(name)) continue;
    names.add(name);
    wanted.push(...definition.delegates);
    // A plan is checked against the tools of whoever will carry it out.
    if (definition.hooks_enabled.includes("on_plan")) wanted.push("executor");
  }
  const pinned: Record<string, string> = {};
  // In one order for all: runs that begin with different agents would wait for each other.
  for (const name of [...names].sort()) {
    const definition = all.get(name);
    if (definition !== undefined) pinned[name] = await store(tx, definition, newId());
  }
  return pinned;
}

async function store(tx: Tx, definition: AgentDefinition, id: string): Promise<string> {
  const digest = digestOf(definition);
  const find = () =>
    tx.maybe<{ id: string }>("select id from agent_definitions where name = $1 and digest = $2", [
      definition.id,
      digest,
    ]);
  const known = await find();
  if (known !== undefined) return known.id;
  // Two first runs at once: versions are counted one after the other.
  await tx.run("select pg_advisory_xact_lock(hashtextextended($1 || $2, 0))", [tx.organisationId, definition.id]);
  const meanwhile = await find();
  if (meanwhile !== undefined) return meanwhile.id;
  await tx.run(
    `insert into agent_definitions (id, organisation_id, name, version, digest, document)
     select $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5 from agent_definitions where name = $3`,
    [id, tx.organisationId, definition.id, digest, JSON.stringify(definition)],
  );
  return id;
}
