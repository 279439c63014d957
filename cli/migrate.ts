import type { Command } from "commander";
import { migrate } from "../db/migrate.ts";
import { usageFailure } from "./failure.ts";
import type { Shell } from "./shell.ts";

/** `powerloom migrate`: roles, numbered migrations, built-in roles. Safe to run from several places at once. */
export function configure(command: Command, shell: Shell): void {
  command
    .addHelpText(
      "after",
      "\nReads MIGRATOR_DATABASE_URL (a role that may create roles). Passwords in DATABASE_URL and ISSUER_DATABASE_URL become\nthose of powerloom_app and powerloom_issuer.",
    )
    .action(async () => {
      const url = shell.env["MIGRATOR_DATABASE_URL"];
      if (!url) throw usageFailure("MIGRATOR_DATABASE_URL is not set: the database to migrate");
      const applied = await migrate(url, {
        app: passwordIn(shell.env["DATABASE_URL"]),
        issuer: passwordIn(shell.env["ISSUER_DATABASE_URL"]),
      });
      shell.stdout.write(applied.length === 0 ? "Nothing to apply.\n" : `Applied ${applied.join(", ")}.\n`);
    });
}

function passwordIn(url: string | undefined): string | undefined {
  const password = url === undefined || !URL.canParse(url) ? "" : new URL(url).password;
  return password === "" ? undefined : decodeURIComponent(password);
}
