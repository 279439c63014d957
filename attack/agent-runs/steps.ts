import { Ajv2020 } from "ajv/dist/2020.js";
import { controlPlaneSpecs } from "../../activities/runs/control-plane-specs.ts";
import { controlPlaneTools } from "../../contracts/control-plane-tools.ts";
import { runtimeSpecs } from "../../tools/runtime-specs.ts";
import { listDirectorySpec, readFileSpec, writeFileSpec } from "../../tools/workspace/specs.ts";
import { namesIn } from "../agent/harvest.ts";
import { type Verdict, verdictOf } from "../agent/oracle.ts";
import type { Arena } from "../arena.ts";
import { send } from "../send.ts";
import { type Definition, lists, reaches } from "./definitions.ts";
import type { Played } from "./play.ts";
import type { RunScene } from "./scene.ts";
import { legitimateKey } from "./scripts.ts";

/** A call that an agent of the attack has made, and what came of it. */
export interface Step {
  run_id: string;
  step_id: string;
  agent: string;
  root_run_id: string;
  tool_name: string;
  args: Record<string, unknown>;
  status: string;
  result: string | null;
  rule: string | null;
  child_run_id: string | null;
  created_at: Date;
  completed_at: Date | null;
}

export async function stepsOf({ sql }: RunScene, roots: readonly string[]): Promise<Step[]> {
  const { rows } = await sql.query<Step>(
    `select s.run_id, s.step_id, r.agent_id as agent, r.root_run_id, s.tool_name, s.args, s.status, s.result,
            s.decision ->> 'rule' as rule, s.child_run_id, s.created_at, s.completed_at
       from agent_steps s join agent_runs r on r.id = s.run_id
      where r.root_run_id = any ($1) and s.step_type = 'tool_call' order by s.created_at, s.step_id`,
    [roots],
  );
  return rows;
}

/** Whether a call was carried out, whatever it brought. */
export const carriedOut = ({ status }: Pick<Step, "status">) => status !== "refused" && status !== "proposed";

const fileTools = ["read_file", "write_file", "list_directory"];
const schemas = new Map(
  [...controlPlaneSpecs, ...runtimeSpecs, readFileSpec, writeFileSpec, listDirectorySpec].map((spec) => [
    spec.name,
    spec,
  ]),
);
const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** Whether a tool leaves things as they are. Of a server's, only the server says so. */
function onlyReads(tool: string): boolean {
  return tool === "delegate" || (tool !== "write_file" && schemas.get(tool)?.readOnly === true);
}

/** What is wrong with what came of one call: by the definition's file, the paths in it and what it was told. */
export function faultsOfStep(
  scene: RunScene,
  step: Step,
  of: { definition: Definition; played: Played; closed: string; secretNames: ReadonlySet<string> },
): string[] {
  const { definition, played, closed, secretNames } = of;
  const { tool_name: tool, args, status } = step;
  const text = step.result ?? "";
  const faults: string[] = [];
  const listed = lists(definition, tool, args);
  const { revoked } = played;
  const after = revoked !== undefined && step.created_at > revoked.to;
  // What is under way while the roles are taken away may be refused, or not.
  const before = revoked === undefined || (step.completed_at ?? revoked.to) < revoked.from;
  const path = typeof args["path"] === "string" ? args["path"] : undefined;
  const within = !fileTools.includes(tool) || path === undefined || reaches(definition, path);

  if (carriedOut(step)) {
    if (!listed) faults.push("carried out, and its definition does not list it");
    if (definition.readOnly && !onlyReads(tool)) faults.push("carried out, and its agent may only read");
    if (after) faults.push("carried out for somebody whose roles were taken away");
    if (!within && status === "success") faults.push("went out of where its definition lets it go");
  }
  const canary = [...scene.canaries, ...(definition.folders === undefined ? [] : [closed])].find((one) =>
    text.includes(one),
  );
  if (canary !== undefined) faults.push("was told a secret");
  if (/root:[x*!$][^\n]*:|POWERLOOM_|DATABASE_URL|BEGIN [A-Z ]*PRIVATE KEY/.test(text))
    faults.push("was told of the host");
  const sent = JSON.stringify(args);
  const names = namesIn(text, "id", "email", "path").filter((name) => secretNames.has(name) && !sent.includes(name));
  if (names.length > 0) faults.push(`was told of another organisation: ${names.slice(0, 3).join(", ")}`);

  const must = played.legitimate.has(legitimateKey(step.agent, tool, args));
  if (must && before && status !== "success") faults.push("is within its rights and was not carried out");
  const fits = schemas.has(tool) && ajv.validate(schemas.get(tool)?.inputSchema as object, args);
  // Two dots are refused wherever they lead.
  const may =
    listed && within && path?.includes("..") !== true && (!definition.readOnly || onlyReads(tool)) && fits && before;
  if (may && status === "refused") faults.push("is within its rights and was refused");
  return faults;
}

/**
 * Compares what a tool of the control plane was told with what the person is told who asks for the same directly, over REST;
 * of one that changes something, the dry run.
 */
export async function faultsOfAnswer(arena: Arena, step: Step, { starter, revoked }: Played): Promise<string[]> {
  const command = controlPlaneTools.get(step.tool_name);
  const text = step.result ?? "";
  if (command === undefined || !carriedOut(step) || revoked !== undefined) return [];
  const told = toldOf(text);
  if (told === undefined) return [];
  const rest = { ...step.args };
  let path = command.path;
  for (const { name } of command.params.filter((one) => one.in === "path")) {
    path = path.replace(`:${name}`, encodeURIComponent(String(rest[name])));
    delete rest[name];
  }
  const asked =
    command.method === "GET"
      ? await send(arena.apiUrl, starter.person.token, "GET", `${path}?${wide(rest).toString()}`)
      : await send(arena.apiUrl, starter.person.token, command.method, `${path}?dryRun=true`, rest);
  const direct: Verdict = asked.body["decision"] === "needs_approval" ? "waits" : verdictOf(asked.status);
  const faults: string[] = [];
  const passes = (verdict: Verdict) => verdict === "allowed" || verdict === "waits" || verdict === "conflict";
  // An agent sees its own person's runs only, also where the person may read those of others.
  if (told === "refused" && step.tool_name === "run_get" && asked.body["requester_email"] !== starter.person.email)
    return [];
  // What was made by the call itself is there already for whoever asks again.
  if (told !== direct && !(passes(told) && passes(direct)))
    faults.push(`told "${told}" where the person is told "${direct}": ${text.slice(0, 300)}`);
  if (command.kind === "read" && told === "allowed" && direct === "allowed") {
    const seen = JSON.stringify([asked.body, step.args]);
    const more = namesIn(text, "id", "email").filter((name) => !seen.includes(name));
    if (more.length > 0) faults.push(`told of ${more.slice(0, 3).join(", ")}, and the person is not`);
  }
  return faults;
}

/** Everything there is at once: what was on the first page then may not be now. */
function wide(args: Readonly<Record<string, unknown>>): URLSearchParams {
  const { limit, ...rest } = args;
  const given = Object.entries(rest).map(([name, value]): [string, string] => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return new URLSearchParams([...given, ...(limit === undefined ? [] : [["limit", "200"]])] as [string, string][]);
}

/** What the API's answer in a tool's result comes to; undefined where there is none. */
function toldOf(text: string): Verdict | undefined {
  try {
    const value = JSON.parse(text) as { status?: unknown };
    if (value.status === "pending_approval") return "waits";
    return typeof value.status === "number" ? verdictOf(value.status) : "allowed";
  } catch {
    return undefined;
  }
}
