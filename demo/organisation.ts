import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { v7 } from "uuid";
import { PowerloomError } from "../core/errors.ts";
import { createOrganisation } from "../db/create-organisation.ts";
import { openDatabase } from "../db/database.ts";
import type { LocalStack } from "../stack/local-stack.ts";
import { freePort } from "../stack/ports.ts";
import { type Person, signIn } from "./api.ts";
import { acme, type Plan, type Seeded, seedOrganisation } from "./seed.ts";
import { startToolServer, type ToolCall } from "./tool-server.ts";

const adminEmail = "admin@acme.com";

/** What the dev organisation needs to be started again: ports and introspection secrets of its local MCP servers. */
interface DevRecord {
  servers: { name: string; displayName: string; port: number; id: string; introspectionSecret: string }[];
}

export interface DevOrganisation {
  admin: Person;
  /** True when it was made now. */
  fresh: boolean;
  close: () => Promise<void>;
}

/**
 * The organisation of dev and demo mode, made on first use: people, OUs, two local MCP servers, a skill, a policy, the
 * meta-agent. Its two local servers run inside this process.
 */
export async function openDevOrganisation(
  stack: LocalStack,
  stateDirectory: string,
  onCall: (call: ToolCall) => void,
): Promise<DevOrganisation> {
  const file = join(stateDirectory, "dev-organisation.json");
  const recorded = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as DevRecord,
    () => undefined,
  );
  const record = recorded ?? (await makeOrganisation(stack));
  if (recorded === undefined) await writeFile(file, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  const running = await Promise.all(
    record.servers.map((server) =>
      startToolServer({
        name: server.displayName,
        port: server.port,
        introspection: { apiUrl: stack.apiUrl, clientId: server.id, clientSecret: server.introspectionSecret },
        onCall,
      }),
    ),
  );
  const admin = await signIn(stack.apiUrl, adminEmail);
  return {
    admin,
    fresh: recorded === undefined,
    close: async () => {
      await Promise.all(running.map((server) => server.close()));
    },
  };
}

async function makeOrganisation(stack: LocalStack): Promise<DevRecord> {
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-dev-seed", max: 2 });
  try {
    await createOrganisation(db, () => v7(), {
      name: acme.organisation,
      displayName: "Acme",
      adminEmail,
      adminName: "Ada Admin",
    }).catch((error: unknown) => {
      if (error instanceof PowerloomError && error.code === "conflict")
        throw new Error(
          "The dev organisation was interrupted while it was made: `powerloom reset --yes`, then start again.",
        );
      throw error;
    });
  } finally {
    await db.close();
  }
  const local = await Promise.all(["apollo-mcp", "gmail-mcp"].map(async (name) => ({ name, port: await freePort() })));
  const plan: Plan = {
    ...acme,
    servers: acme.servers.map((server) => {
      const here = local.find(({ name }) => name === server.name);
      return here === undefined ? server : { ...server, url: `http://127.0.0.1:${here.port}/mcp` };
    }),
  };
  const admin = await signIn(stack.apiUrl, adminEmail);
  const seeded: Seeded = await seedOrganisation(admin, plan);
  const bootstrapped = await admin.send("POST", "/bootstrap", { ou: `/${acme.organisation}` });
  if (bootstrapped.status !== 200) throw new Error(`the meta-agent is not ready: ${JSON.stringify(bootstrapped.body)}`);
  return {
    servers: local.map(({ name, port }) => ({
      name,
      port,
      displayName: plan.servers.find((server) => server.name === name)?.displayName ?? name,
      id: seeded.servers[name]?.id ?? "",
      introspectionSecret: seeded.servers[name]?.introspectionSecret ?? "",
    })),
  };
}
