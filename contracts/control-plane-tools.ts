import { type CommandSpec, commands } from "./generated/commands.ts";

/** The name an operation or a read has as a tool of agents in runs: `agent.create` is `agent_create`. */
export function toolOfOperation(name: string): string {
  return name.replaceAll(".", "_");
}

/** What agents in runs may ask of the control plane, by the tool's name: all that may be done with a delegated token. */
export const controlPlaneTools: ReadonlyMap<string, CommandSpec> = new Map(
  commands.filter(({ delegable }) => delegable === true).map((command) => [toolOfOperation(command.name), command]),
);

/** The others by the names they would have. */
export const undelegatedTools: ReadonlyMap<string, CommandSpec> = new Map(
  commands.filter(({ delegable }) => delegable !== true).map((command) => [toolOfOperation(command.name), command]),
);
