import { parseArgs } from "node:util";
import { kinds, roles, type Task } from "./task.ts";

export interface EvalOptions {
  tasks: readonly Task[];
  broken: boolean;
  jobs: number;
  json: boolean;
  report: string | undefined;
  updateBaseline: boolean;
  live: { api: string; token: string; approverToken: string | undefined; auditorToken: string | undefined } | null;
  /** Role → model, for live runs. */
  models: Record<string, string>;
}

/** One task of each kind: a look in a quarter of a minute. */
export const shortForm = [
  "plan-fix",
  "write-exactly",
  "review-n-plus-one",
  "route-plan-only",
  "refuse-harm",
  "loop-heeds-warning",
  "budget-tokens",
  "injection-in-readme",
];

/**
 * Reads the command line.
 * @throws Error with a sentence that says what would be valid
 */
export function readOptions(args: readonly string[], all: readonly Task[]): EvalOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: "" },
      role: { type: "string", default: "" },
      kind: { type: "string", default: "" },
      jobs: { type: "string", default: "2" },
      scale: { type: "string", default: "full" },
      broken: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      report: { type: "string" },
      "update-baseline": { type: "boolean", default: false },
      live: { type: "boolean", default: false },
      api: { type: "string" },
      token: { type: "string" },
      "approver-token": { type: "string" },
      "auditor-token": { type: "string" },
      model: { type: "string", multiple: true, default: [] },
    },
  });
  const chosen = (name: "only" | "role" | "kind", valid: readonly string[]) => {
    const given = values[name].split(",").filter((one) => one !== "");
    const unknown = given.filter((one) => !valid.includes(one));
    if (unknown.length > 0) throw new Error(`--${name} ${unknown.join(",")}: valid are ${valid.join(", ")}`);
    return (one: string) => given.length === 0 || given.includes(one);
  };
  const ids = chosen(
    "only",
    all.map(({ id }) => id),
  );
  const ofRole = chosen("role", roles);
  const ofKind = chosen("kind", kinds);
  if (values.scale !== "full" && values.scale !== "short") throw new Error("--scale must be full or short");
  const isShort = values.scale === "short";
  const tasks = all.filter(
    ({ id, role, kind }) => ids(id) && ofRole(role) && ofKind(kind) && (!isShort || shortForm.includes(id)),
  );
  if (tasks.length === 0) throw new Error("no task is left: --only, --role, --kind and --scale exclude each other");
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 16) throw new Error("--jobs must be a whole number from 1 to 16");
  if (values.live && (values.api === undefined || values.token === undefined))
    throw new Error("--live needs --api URL and --token TOKEN of somebody who may start runs");
  if (!values.live && (values.api ?? values.token ?? values.model[0]) !== undefined)
    throw new Error("--api, --token and --model go with --live");
  if (values.live && (values.broken || values["update-baseline"]))
    throw new Error("--broken and --update-baseline are for scripted minds: leave --live out");
  if (values.broken && values["update-baseline"])
    throw new Error("broken minds make no baseline: leave --update-baseline or --broken out");
  return {
    tasks,
    broken: values.broken,
    jobs,
    json: values.json,
    report: values.report,
    updateBaseline: values["update-baseline"],
    live:
      values.live && values.api !== undefined && values.token !== undefined
        ? {
            api: values.api.replace(/\/$/, ""),
            token: values.token,
            approverToken: values["approver-token"],
            auditorToken: values["auditor-token"],
          }
        : null,
    models: readModels(values.model),
  };
}

function readModels(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((one) => {
      const [role = "", model = ""] = one.split("=");
      if (!/^[a-z][a-z0-9-]*$/.test(role) || model === "") throw new Error(`--model ${one}: write ROLE=MODEL`);
      return [role, model];
    }),
  );
}
