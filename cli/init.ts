import type { Command } from "commander";
import { v7 } from "uuid";
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
    .option("--audience <text>", "what the tokens' `aud` must be", "powerloom")
    .addHelpText("after", "\nReads DATABASE_URL (as powerloom_app) and, to migrate first, MIGRATOR_DATABASE_URL.")
    .action(async (options: InitOptions) => {
      const url = shell.env["DATABASE_URL"];
      if (!url) throw usageFailure("DATABASE_URL is not set: the database to make the organisation in");
      if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(options.org))
        throw usageFailure("--org: lower-case letters, digits and inner hyphens; 1 to 63 characters");
      if (!URL.canParse(options.issuer) || !/^https?:$/.test(new URL(options.issuer).protocol))
        throw usageFailure("--issuer must be an http or https URL");
      const migrator = shell.env["MIGRATOR_DATABASE_URL"];
      if (migrator) await migrate(migrator);
      const db = openDatabase(url, { name: "powerloom-init", max: 2 });
      try {
        const made = await createOrganisation(db, () => v7(), {
          name: options.org,
          displayName: options.displayName ?? options.org,
          adminEmail: options.adminEmail,
          adminName: options.adminName ?? options.adminEmail,
          identityProvider: { issuer: options.issuer, audience: options.audience ?? "powerloom" },
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
