import { type Command, Option } from "commander";
import { print } from "../answer.ts";
import { exportTo } from "../audit-export.ts";
import { type Verdict, verifyFile } from "../audit-verify.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { groupOf } from "../derived-commands.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { oneLine } from "../printable.ts";
import type { Shell } from "../shell.ts";

/** `audit export` and `audit verify`: the chain as a file, and the proof that it is whole, without any server. */
export function addAudit(program: Command, shell: Shell): void {
  const group = groupOf(program, "audit");
  addExport(group.command("export"), shell);
  addVerify(group.command("verify"), shell);
}

function addExport(command: Command, shell: Shell): void {
  addGlobalOptions(command)
    .description("The whole audit chain as JSON Lines, one entry a line, its head last")
    .addOption(new Option("--out <file>", "write to this file instead of stdout"))
    .addHelpText("after", exampleText(["audit export --out audit.jsonl", "audit export | gzip > audit.jsonl.gz"]));
  command.action(async () => {
    const options = command.optsWithGlobals<GlobalOptions & { out?: string }>();
    const api = await connect(shell, options);
    const response = await api.stream({ method: "GET", path: "/audit/export" });
    const entries = await exportTo(response, options.out, (text) => shell.stdout.write(text));
    if (options.out === undefined) return;
    print(shell, options.json, { file: options.out, entries }, () => [
      `${entries} entries in ${options.out}. Check them anywhere: powerloom audit verify ${options.out}`,
    ]);
  });
}

function addVerify(command: Command, shell: Shell): void {
  addGlobalOptions(command)
    .description("Whether the audit chain is intact, and if not, from which position. With a file: without any server")
    .argument("[file]", "of `audit export`; - is stdin")
    .addHelpText("after", exampleText(["audit verify audit.jsonl", "audit verify"]));
  command.action(async (file: string | undefined) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const { verdict, note } =
      file === undefined
        ? { verdict: await (await connect(shell, options)).get<Verdict>("/audit/verify"), note: undefined }
        : await verifyFile(file === "-" ? shell.stdin : file);
    print(shell, options.json, verdict, (paint) => sentences(verdict, note, paint));
    if (!verdict.intact) throw new Exit(exitCodes.failed);
  });
}

function sentences(verdict: Verdict, note: string | undefined, paint: Paint): string[] {
  const more = note === undefined ? [] : [paint("yellow", note)];
  if (verdict.intact)
    return [`${paint("green", "✓")} Intact: ${verdict.entries} entries, head ${oneLine(verdict.head ?? "–")}`, ...more];
  return [
    `${paint("red", "✗")} Broken at position ${verdict.position ?? "?"}: ${oneLine(verdict.reason ?? "")}`,
    `  ${verdict.entries} entries before it are intact.`,
    ...more,
  ];
}
