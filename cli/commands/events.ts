import { type Command, Option } from "commander";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { linesOf } from "../lines.ts";
import { oneLine } from "../printable.ts";
import type { Shell } from "../shell.ts";

interface ChangeEvent {
  position: number;
  at: string;
  type: string;
  ou_path: string | null;
  summary?: string;
}

/** `events`: what changes in the organisation, as it happens, as far as the caller may read it. */
export function addEvents(program: Command, shell: Shell): void {
  const command = addGlobalOptions(program.command("events"))
    .description("Watch what changes, until Ctrl-C")
    .addOption(new Option("--after <position>", "begin after this position instead of now"))
    .addHelpText("after", exampleText(["events", "events --after 0 --json"]));
  command.action(async () => {
    const options = command.optsWithGlobals<GlobalOptions & { after?: string }>();
    const api = await connect(shell, options);
    const response = await api.stream({
      method: "GET",
      path: "/events",
      query: { after: options.after },
      headers: { accept: "text/event-stream" },
    });
    for await (const line of linesOf(response.body ?? new Blob([]).stream())) {
      // One event is one `data:` line here; names and ids stand in the data too.
      if (!line.startsWith("data: ")) continue;
      const event = JSON.parse(line.slice("data: ".length)) as ChangeEvent;
      shell.stdout.write(`${options.json === true ? JSON.stringify(event) : sentence(event)}\n`);
    }
  });
}

function sentence(event: ChangeEvent): string {
  return `${String(event.position).padStart(6)}  ${event.at}  ${event.type.padEnd(24)} ${oneLine(event.summary ?? event.ou_path ?? "")}`;
}
