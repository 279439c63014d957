import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { v7 } from "uuid";
import { createOrganisation } from "../db/create-organisation.ts";
import { openDatabase } from "../db/database.ts";
import { personWith, signIn } from "../demo/api.ts";
import { startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { sandboxAvailability } from "../tools/sandbox/availability.ts";
import type { Mind } from "./minds.ts";
import type { Scene } from "./play.ts";

const agentsDirectory = fileURLToPath(new URL("./agents", import.meta.url));

/** Roles that a scripted mind is asked as: those of the agents that come along, and of the suite's own. */
const allRoles = ["orchestrator", "planner", "executor", "reviewer", "surveyor"];

/** A stack of the suite's own, with the stand-in as its only provider, and three people. */
export async function openStage(log: (line: string) => void): Promise<{ scene: Scene; close(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-evals-"));
  const closing: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closing.toReversed()) await step();
  };
  try {
    const stack = await startLocalStack({
      stateDirectory: directory,
      environment: withOwnParts(process.env),
      mode: "dev",
      anyPorts: true,
      log,
      extraEnvironment: {
        POWERLOOM_RATE_LIMIT: "100000000",
        POWERLOOM_LOG_LEVEL: "warn",
        POWERLOOM_AGENTS_DIR: agentsDirectory,
      },
    });
    closing.push(() => stack.stop());
    return { scene: await openScene(stack), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An organisation for the suite on a stack that runs, its people, and the stand-in's minds. */
export async function openScene(stack: { apiUrl: string; databaseUrl: string; simulatorUrl: string }): Promise<Scene> {
  const name = `evals-${v7().slice(-10)}`;
  const email = (local: string) => `${local}@${name}.test`;
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-evals", max: 2 });
  try {
    await createOrganisation(db, () => v7(), {
      name,
      displayName: "Evals",
      adminEmail: email("admin"),
      adminName: "Ada Admin",
    });
  } finally {
    await db.close();
  }
  const admin = await signIn(stack.apiUrl, email("admin"));
  const person = async (local: string, role: string) => {
    await admin.make("/users", { email: email(local), display_name: local, home_ou: `/${name}` });
    await admin.make("/bindings", { role, ou: `/${name}`, user: email(local) });
    return signIn(stack.apiUrl, email(local));
  };
  const sandbox = await sandboxAvailability();
  return {
    requester: await person("rita", "AgentUser"),
    approver: await person("ben", "Approver"),
    auditor: await person("otto", "Auditor"),
    arm: armer(stack.simulatorUrl, name.slice(-10)),
    models: {},
    noCommands: sandbox.available ? null : sandbox.reason,
  };
}

/** Each run has a mind of its own name: what one has put into the prompt cache must not make the next one cheaper. */
function armer(simulatorUrl: string, suffix: string): (mind: Mind) => Promise<Record<string, string>> {
  let armed = 0;
  return async (mind) => {
    armed += 1;
    const name = `mind-${suffix}-${armed}`;
    const answer = await fetch(`${simulatorUrl}/_control/minds`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name, roles: mind }),
    });
    if (!answer.ok) throw new Error(`the stand-in does not take the mind: ${await answer.text()}`);
    return Object.fromEntries(allRoles.map((role) => [role, name]));
  };
}

/** Any Powerloom that runs, by tokens of its people. Real models answer, or whatever it is connected to. */
export function liveScene(options: {
  api: string;
  token: string;
  approverToken: string | undefined;
  auditorToken: string | undefined;
  models: Record<string, string>;
}): Scene {
  const person = (who: string, token: string | undefined) =>
    token === undefined ? null : personWith(options.api, who, token);
  return {
    requester: personWith(options.api, "requester", options.token),
    approver: person("approver", options.approverToken),
    auditor: person("auditor", options.auditorToken),
    arm: null,
    models: options.models,
    noCommands: null,
  };
}
