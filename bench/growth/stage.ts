import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "pg";
import { signIn } from "../../demo/api.ts";
import { openDevOrganisation } from "../../demo/organisation.ts";
import { type LocalStack, startLocalStack } from "../../stack/local-stack.ts";
import { withOwnParts } from "../../stack/own-parts.ts";
import { expectStatus, type Send, sender } from "../http.ts";
import { readers } from "./load.ts";

/** A whole stack with the dev organisation, and people who ask it. */
export interface GrowthStage {
  stack: LocalStack;
  /** As the superuser: loads, and looks on. */
  admin: Pool;
  organisationId: string;
  /** The OrgAdmin who asks, and the other one who approves. */
  asker: Send;
  askerToken: string;
  approver: Send;
  auditor: Send;
  /** Those who hold one role at one OU: there when the organisation has been loaded. */
  local(who: keyof typeof readers): Promise<Send>;
  close(): Promise<void>;
}

/** @param log every line of every part */
export async function openGrowthStage(log: (line: string) => void): Promise<GrowthStage> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-growth-"));
  const closing: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  // Once, however often it is asked for.
  const close = async () => {
    for (const step of closing.splice(0).toReversed()) await step();
  };
  try {
    const stack = await startLocalStack({
      stateDirectory: directory,
      environment: withOwnParts(process.env),
      mode: "dev",
      anyPorts: true,
      color: false,
      log,
      extraEnvironment: {
        POWERLOOM_RATE_LIMIT: "100000000",
        POWERLOOM_LOG_LEVEL: "warn",
        POWERLOOM_COMPARE_SECONDS: "86400",
      },
    });
    closing.push(() => stack.stop());
    const admin = new Pool({ connectionString: stack.adminUrl ?? "", max: 4 });
    admin.on("error", () => undefined);
    closing.push(() => admin.end());
    const organisation = await openDevOrganisation(stack, directory, () => undefined);
    closing.push(() => organisation.close());
    const sendAs = async (email: string) => sender(stack.apiUrl, (await signIn(stack.apiUrl, email)).token);
    const asker = sender(stack.apiUrl, organisation.admin.token);
    // One that waits: what is loaded is made like it.
    await expectStatus(asker("POST", "/agents", { name: "growth-first", ou: "/acme/production" }), 202);
    const { rows } = await admin.query<{ id: string }>("select id from organisations");
    return {
      stack,
      admin,
      organisationId: rows[0]?.id ?? "",
      asker,
      askerToken: organisation.admin.token,
      approver: await sendAs("ben@acme.com"),
      auditor: await sendAs("aiko@acme.com"),
      local: (who) => sendAs(readers[who]),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
