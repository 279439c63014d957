import type { paths } from "../../../contracts/generated/api.ts";
import type { UploadedFile } from "./upload.ts";

type RunBody = paths["/runs"]["post"]["requestBody"]["content"]["application/json"];

/** A run as it is being filled in; null: not said. */
export interface RunDraft {
  task: string;
  ou: string;
  agent: string;
  tokens: number | null;
  costUsd: number | null;
  calls: number | null;
  minutes: number | null;
  /** Role → model; empty: as its definition says. */
  models: Readonly<Record<string, string>>;
  files: readonly UploadedFile[];
}

export const emptyRun: RunDraft = {
  task: "",
  ou: "",
  agent: "orchestrator",
  tokens: 200_000,
  costUsd: null,
  calls: null,
  minutes: null,
  models: {},
  files: [],
};

/** What is sent: only what has been said. */
export function bodyOfRun(draft: RunDraft): RunBody {
  const { task, ou, agent, tokens, costUsd, calls, minutes, models, files } = draft;
  const budget = {
    ...(tokens === null ? {} : { tokens }),
    ...(costUsd === null ? {} : { cost_usd: costUsd }),
    ...(calls === null ? {} : { calls }),
    ...(minutes === null ? {} : { wall_seconds: Math.round(minutes * 60) }),
  };
  const chosen = Object.entries(models).filter(([, model]) => model.trim() !== "");
  return {
    task,
    ...(ou === "" ? {} : { ou }),
    ...(agent === "" ? {} : { agent }),
    budget,
    ...(chosen.length === 0 ? {} : { models: Object.fromEntries(chosen) }),
    ...(files.length === 0 ? {} : { files: [...files] }),
  };
}
