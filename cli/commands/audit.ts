import { type Command, Option } from "commander";
import { readCheckpoint } from "../../core/audit/checkpoint.ts";
import { print } from "../answer.ts";
import { exportTo } from "../audit-export.ts";
import { type Verdict, verifyFile } from "../audit-verify.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { groupOf } from "../derived-commands.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes, usageFailure } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { oneLine } from "../printable.ts";
import type { Shell } from "../shell.ts";

/** `audit export`, `audit verify` and `audit checkpoint`: the chain as a file, and the proof that it is whole, without any server. */
export function addAudit(program: Command, shell: Shell): void {
  const group = groupOf(program, "audit");
  addExport(group.command("export"), shell);
  addVerify(group.command("verify"), shell);
  addCheckpoint(group.command("checkpoint"), shell);
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

const source = ["[file]", "of `audit export`; - is stdin"] as const;

interface VerifyOptions extends GlobalOptions {
  checkpoint?: string;
}

const checkpointOption = new Option(
  "--checkpoint <position:hash>",
  "also compare with this entry, noted outside the database by `audit checkpoint`",
);

function addVerify(command: Command, shell: Shell): void {
  addGlobalOptions(command)
    .description("Whether the audit chain is intact, and if not, from which position. With a file: without any server")
    .argument(...source)
    .addOption(checkpointOption)
    .addHelpText("after", exampleText(["audit verify audit.jsonl", "audit verify --checkpoint 1042:9f86d081…"]));
  command.action(async (file: string | undefined) => {
    const options = command.optsWithGlobals<VerifyOptions>();
    const verdict = await verdictOn(shell, file, options);
    print(shell, options.json, verdict, (paint) => sentences(verdict, paint));
    if (!verdict.intact) throw new Exit(exitCodes.failed);
  });
}

function addCheckpoint(command: Command, shell: Shell): void {
  addGlobalOptions(command)
    .description("Verify the audit chain, and print its last entry as a checkpoint to note outside the database")
    .argument(...source)
    .addOption(checkpointOption)
    .addHelpText("after", exampleText(["audit checkpoint >> checkpoints.txt", "audit checkpoint audit.jsonl"]));
  command.action(async (file: string | undefined) => {
    const options = command.optsWithGlobals<VerifyOptions>();
    const verdict = await verdictOn(shell, file, options);
    const { intact, entries: position, head: hash } = verdict;
    if (!intact || hash === null) {
      print(shell, options.json, verdict, (paint) => sentences(verdict, paint));
      throw new Exit(exitCodes.failed);
    }
    print(shell, options.json, { position, hash }, () => [`${position}:${oneLine(hash)}`]);
  });
}

async function verdictOn(shell: Shell, file: string | undefined, options: VerifyOptions): Promise<Verdict> {
  const checkpoint = options.checkpoint === undefined ? undefined : readCheckpoint(options.checkpoint);
  if (options.checkpoint !== undefined && checkpoint === undefined)
    throw usageFailure("--checkpoint must be <position>:<hash>, as `audit checkpoint` prints it");
  if (file !== undefined) return verifyFile(file === "-" ? shell.stdin : file, checkpoint);
  const api = await connect(shell, options);
  const query = options.checkpoint === undefined ? "" : `?checkpoint=${options.checkpoint}`;
  return api.get<Verdict>(`/audit/verify${query}`);
}

function sentences({ intact, entries, position, reason, head, unseen }: Verdict, paint: Paint): string[] {
  if (intact)
    return [
      `${paint("green", "✓")} Intact: ${entries} entries, head ${oneLine(head ?? "–")}`,
      ...(unseen === null ? [] : [paint("yellow", oneLine(unseen))]),
    ];
  return [
    `${paint("red", "✗")} Broken at position ${position ?? "?"}: ${oneLine(reason ?? "")}`,
    `  ${entries} entries before it are intact.`,
  ];
}
