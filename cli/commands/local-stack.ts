import type { Command } from "commander";
import type { Shell } from "../shell.ts";

/** What the entry file of such a command exports: it declares its own options and action. */
interface LocalCommand {
  configure: (command: Command, shell: Shell) => void;
}

const entries: Readonly<Record<string, { summary: string; load: () => Promise<LocalCommand> }>> = {
  up: { summary: "Start everything on this machine", load: () => import("../up.ts") },
  init: { summary: "Make the first organisation and its admin in a database", load: () => import("../init.ts") },
  migrate: { summary: "Bring a database to the newest schema", load: () => import("../migrate.ts") },
  reset: { summary: "Remove the local state", load: () => import("../reset.ts") },
  demo: { summary: "Watch the meta-agent provision an agent, start to end", load: () => import("../demo.ts") },
};

/** Adds the commands that run parts of Powerloom here. They load the whole stack, so only when they are called. */
export function addLocalStack(program: Command, shell: Shell): void {
  for (const [name, { summary }] of Object.entries(entries)) program.command(name).description(summary);
  program.hook("preSubcommand", async (_program, command) => {
    const entry = entries[command.name()];
    if (entry === undefined) return;
    const { configure } = await entry.load();
    configure(command, shell);
  });
}
