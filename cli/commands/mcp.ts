import { type Command, Option } from "commander";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import type { Shell } from "../shell.ts";

/** `mcp`: the tools of one of our servers over stdio, for a person's own MCP client, with that person's rights. */
export function addMcp(program: Command, shell: Shell): void {
  const command = addGlobalOptions(program.command("mcp"))
    .description(
      "Serve the tools of powerloom_meta, or of powerloom_runs, over stdio to your own MCP client, with your rights",
    )
    .addOption(
      new Option("--server <name>", "meta: look up, create and wire agents; runs: start and follow runs of agents")
        .choices(["meta", "runs"])
        .default("meta"),
    )
    .addOption(new Option("--client-name <name>", "how the audit trail names the client").default("stdio"))
    .addHelpText("after", exampleText(["mcp --client-name my-editor", "mcp --server runs --client-name my-editor"]));
  command.action(async () => {
    const { clientName, server, ...options } = command.optsWithGlobals<
      GlobalOptions & { clientName: string; server: "meta" | "runs" }
    >();
    const { apiUrl } = await connect(shell, options);
    // Read again at each call: a person who logs in again need not restart their client.
    const token = async (): Promise<string> => {
      const now = await connect(shell, { ...options, api: apiUrl });
      if (now.token !== undefined) return now.token;
      throw new CliFailure(exitCodes.failed, "You are not logged in: `powerloom login`.");
    };
    await token();
    const { runStdio } = await import("../../mcp-server/stdio.ts");
    await runStdio({ apiUrl, token, clientName, server });
  });
}
