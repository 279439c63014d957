import type { AgentDefinition } from "./agent-definition.ts";
import { crossFaults } from "./definition-checks.ts";
import { type DefinitionFault, didYouMean } from "./definition-fault.ts";
import { readFields } from "./definition-shape.ts";
import { type Position, readYaml } from "./definition-yaml.ts";

/** A fault as people are told it: lines and columns count from 1, `path` is as in `tools[2]`. */
interface FileFault extends Position {
  file: string;
  path: string;
  message: string;
}

export interface LoadedDefinitions {
  /** Those without any fault, in the order in which they were read. */
  definitions: AgentDefinition[];
  faults: FileFault[];
}

/** Reads one file: a definition, or several below `agents:` by their ids. All faults at once; never throws. */
export function parseDefinitions(text: string, file: string): LoadedDefinitions {
  return finish(readEntries(text, file));
}

/** Reads files that belong together, and checks what they are to each other: ids, delegates, no delegation in circles. */
export function loadDefinitions(sources: readonly { file: string; text: string }[]): LoadedDefinitions {
  const read = sources.map(({ file, text }) => readEntries(text, file));
  const all = { entries: read.flatMap(({ entries }) => entries), faults: read.flatMap(({ faults }) => faults) };
  repeatedIds(all.entries);
  unknownDelegates(all.entries);
  circles(all.entries);
  return finish(all);
}

interface Entry {
  fields: Partial<AgentDefinition>;
  file: string;
  /** The id, also where other fields are at fault. */
  id: string | undefined;
  faults: FileFault[];
  add(fault: DefinitionFault): void;
  where: string;
}

interface Entries {
  entries: Entry[];
  /** Of the text as a whole. */
  faults: FileFault[];
}

function finish({ entries, faults }: Entries): LoadedDefinitions {
  const all = [...faults, ...entries.flatMap((entry) => entry.faults)];
  return {
    definitions: entries.filter((entry) => entry.faults.length === 0).map(({ fields }) => fields as AgentDefinition),
    faults: all.sort(
      (one, other) =>
        order(one.file, other.file) ||
        one.line - other.line ||
        one.column - other.column ||
        order(one.path, other.path),
    ),
  };
}

// By code units: the order must not hang on the machine's language.
function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function readEntries(text: string, file: string): Entries {
  const yaml = readYaml(text);
  if (yaml.faults.length > 0)
    return { entries: [], faults: yaml.faults.map((fault) => ({ file, path: "", ...fault })) };
  const wrong = (fault: DefinitionFault): FileFault => ({
    file,
    ...yaml.place(fault),
    path: written(fault.path),
    message: fault.message,
  });
  const root = yaml.value;
  if (!isMap(root))
    return { entries: [], faults: [wrong({ path: [], message: "must be a definition, or a map `agents`" })] };

  const entry = (raw: Record<string, unknown>, base: readonly string[]): Entry => {
    const { fields, faults } = readFields(raw);
    const made: Entry = {
      fields,
      file,
      id: typeof raw["id"] === "string" ? raw["id"] : undefined,
      faults: [],
      add: (fault) => made.faults.push(wrong({ ...fault, path: [...base, ...fault.path] })),
      where: `${file}:${yaml.place({ path: [...base, "id"] }).line}`,
    };
    for (const fault of [...faults, ...crossFaults(fields)]) made.add(fault);
    return made;
  };
  if (!Object.hasOwn(root, "agents")) return { entries: [entry(root, [])], faults: [] };

  const faults = Object.keys(root)
    .filter((key) => key !== "agents")
    .map((key) => wrong({ path: [key], atKey: true, message: `unknown key \`${key}\` beside \`agents\`` }));
  const agents = root["agents"];
  if (!isMap(agents))
    return {
      entries: [],
      faults: [...faults, wrong({ path: ["agents"], message: "must be a map from id to definition" })],
    };
  const entries = Object.entries(agents).flatMap(([key, raw]) => {
    if (isMap(raw)) {
      const made = entry({ id: key, ...raw }, ["agents", key]);
      if (made.id !== key) made.add({ path: ["id"], message: `must be \`${key}\`, the name that it stands under` });
      return [made];
    }
    faults.push(wrong({ path: ["agents", key], message: "must be a definition" }));
    return [];
  });
  return { entries, faults };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `hooks.before_tool[0].rule` */
function written(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}${text === "" ? "" : "."}${part}`),
    "",
  );
}

function repeatedIds(entries: readonly Entry[]): void {
  const first = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.id === undefined) continue;
    const other = first.get(entry.id);
    if (other === undefined) first.set(entry.id, entry);
    else entry.add({ path: ["id"], message: `\`${entry.id}\` is defined in ${other.where} already` });
  }
}

function unknownDelegates(entries: readonly Entry[]): void {
  const ids = entries.flatMap(({ id }) => (id === undefined ? [] : [id]));
  for (const entry of entries)
    for (const [index, delegate] of (entry.fields.delegates ?? []).entries()) {
      if (ids.includes(delegate)) continue;
      const hint = didYouMean(delegate, ids) || `; there are ${ids.join(", ")}`;
      entry.add({ path: ["delegates", index], message: `no agent \`${delegate}\` is defined here${hint}` });
    }
}

/** Every delegation that closes a circle, once. An agent that starts itself is a fault of its own. */
function circles(entries: readonly Entry[]): void {
  const byId = new Map(entries.flatMap((entry) => (entry.id === undefined ? [] : [[entry.id, entry] as const])));
  const done = new Set<string>();
  const visit = (id: string, trail: readonly string[]): void => {
    const entry = byId.get(id);
    if (entry === undefined || done.has(id)) return;
    for (const [index, delegate] of (entry.fields.delegates ?? []).entries()) {
      const from = [...trail, id].indexOf(delegate);
      if (from === -1) visit(delegate, [...trail, id]);
      else if (delegate !== id) {
        const circle = [...trail, id].slice(from);
        entry.add({
          path: ["delegates", index],
          message: `delegation goes round: ${[...circle, delegate].join(" → ")}`,
        });
      }
    }
    done.add(id);
  };
  for (const id of byId.keys()) visit(id, []);
}
