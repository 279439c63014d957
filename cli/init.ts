import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { v7 } from "uuid";
import { seal } from "../core/sealing.ts";
import { createOrganisation } from "../db/create-organisation.ts";
import { openDatabase } from "../db/database.ts";
import { migrate } from "../db/migrate.ts";
import { usageFailure } from "./failure.ts";
import type { Shell } from "./shell.ts";

interface InitOptions {
  org: string;
  displayName?: string;
  adminEmail: string;
  adminName?: string;
  issuer: string;
  audience?: string;
  clientSecretFile?: string;
  json?: boolean;
}

/** `powerloom init`: the first organisation and its admin, for real use. Works on the database, not through the API. */
export function configure(command: Command, shell: Shell): void {
  command
    .requiredOption("--org <slug>", "name of the organisation, and of its root OU")
    .option("--display-name <text>", "as people read it")
    .requiredOption("--admin-email <email>", "the first OrgAdmin; proved by the issuer at first sign-in")
    .option("--admin-name <text>", "as people read it")
    .requiredOption("--issuer <url>", "OIDC issuer whose tokens are accepted")
    .option("--audience <text>", "what the tokens' `aud` must be: the client id the console signs in with", "powerloom")
    .option("--client-secret-file <path>", "file with the client's secret; without it the console is a public client")
    .addHelpText(
      "after",
      "\nReads DATABASE_URL (as powerloom_app), to migrate first MIGRATOR_DATABASE_URL, and for a client secret\n" +
        "POWERLOOM_SEALING_KEY. The provider must know <API URL>/sign-in/callback as a redirect URI.",
    )
    .action(async (options: InitOptions) => {
      const url = shell.env["DATABASE_URL"];
      if (!url) throw usageFailure("DATABASE_URL is not set: the database to make the organisation in");
      if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(options.org))
        throw usageFailure("--org: lower-case letters, digits and inner hyphens; 1 to 63 characters");
      if (!URL.canParse(options.issuer) || !/^https?:$/.test(new URL(options.issuer).protocol))
        throw usageFailure("--issuer must be an http or https URL");
      const secret = await sealedClientSecret(options.clientSecretFile, shell.env["POWERLOOM_SEALING_KEY"]);
      const migrator = shell.env["MIGRATOR_DATABASE_URL"];
      if (migrator) await migrate(migrator);
      const db = openDatabase(url, { name: "powerloom-init", max: 2 });
      try {
        const made = await createOrganisation(db, () => v7(), {
          name: options.org,
          displayName: options.displayName ?? options.org,
          adminEmail: options.adminEmail,
          adminName: options.adminName ?? options.adminEmail,
          identityProvider: {
            issuer: options.issuer,
            audience: options.audience ?? "powerloom",
            ...(secret === undefined ? {} : { sealedClientSecret: secret }),
          },
        });
        const facts = { organisation_id: made.organisationId, admin_id: made.adminId, root_ou: made.rootOuPath };
        shell.stdout.write(
          options.json === true
            ? `${JSON.stringify(facts)}\n`
            : `Made organisation ${options.org} (${made.organisationId}); ${options.adminEmail} is its OrgAdmin at ${made.rootOuPath}.\n`,
        );
      } finally {
        await db.close();
      }
    });
}

/** The secret in this file, sealed as the API opens it. Undefined without a file. */
async function sealedClientSecret(file: string | undefined, key: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  if (!key)
    throw usageFailure("--client-secret-file: POWERLOOM_SEALING_KEY is not set; the secret is stored sealed with it");
  const bytes = Buffer.from(key, "base64url");
  if (bytes.length !== 32)
    throw usageFailure("POWERLOOM_SEALING_KEY must be 32 bytes in base64url, the same as the API's");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageFailure(`--client-secret-file: ${file} cannot be read (${error.code ?? error.message})`);
  });
  const secret = text.trim();
  if (secret === "") throw usageFailure(`--client-secret-file: ${file} is empty`);
  return seal(bytes, secret);
}
