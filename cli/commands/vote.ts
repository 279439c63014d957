import { type Command, Option } from "commander";
import { agentId } from "../agent-reference.ts";
import type { ApiClient } from "../api-client.ts";
import { connect } from "../connection.ts";
import { type DerivedOptions, declare, groupOf, perform, specOf } from "../derived-commands.ts";
import { Exit, exitCodes, usageFailure } from "../failure.ts";
import { linesOf } from "../lines.ts";
import { painter } from "../paint.ts";
import { requestFor, segmentOf } from "../parameters.ts";
import { oneLine } from "../printable.ts";
import { type Diff, renderDiff } from "../render-diff.ts";
import { type Shell, wantsColor } from "../shell.ts";

interface Approval {
  id: string;
  digest: string;
  diff: Diff;
  requester_email: string;
  actor: string | null;
  ou_path: string;
}

/** `approvals vote`: without a digest it shows what would change, asks, and votes for exactly that. */
export function addVote(program: Command, shell: Shell): void {
  const spec = specOf("approval.vote");
  const command = declare(groupOf(program, "approvals").command("vote"), {
    ...spec,
    params: spec.params.map((parameter) =>
      parameter.name === "digest"
        ? { ...parameter, required: false, description: "Of what you have seen (default: shown, and asked)" }
        : parameter,
    ),
  });
  command.addOption(new Option("--yes", "vote for what is shown without asking"));
  command.action(async () => {
    const options = command.optsWithGlobals<DerivedOptions & { yes?: boolean }>();
    const mayAsk = shell.stdin.isTTY === true && options.json !== true;
    if (options["digest"] === undefined && options.yes !== true && !mayAsk)
      throw usageFailure("without a terminal to ask on, give --digest <digest> of what was seen, or --yes");
    const api = await connect(shell, options);
    const id = command.args[0] ?? options["requestId"];
    const seen =
      options["digest"] === undefined && typeof id === "string"
        ? { digest: await review(shell, api, id, options) }
        : {};
    const request = await requestFor(spec, command.args, { ...options, ...seen }, (name) => agentId(api, name));
    await perform(shell, api, spec, request, options);
  });
}

async function review(
  shell: Shell,
  api: ApiClient,
  id: string,
  options: DerivedOptions & { yes?: boolean },
): Promise<string> {
  const approval = await api.get<Approval>(`/approvals/${segmentOf("request_id", id)}`);
  if (options.json === true) return approval.digest;
  const paint = painter(wantsColor(shell, shell.stderr));
  const through = approval.actor === null ? "" : ` through ${oneLine(approval.actor)}`;
  const lines = [
    ...renderDiff(approval.diff, paint),
    paint("dim", `asked by ${oneLine(approval.requester_email)}${through} in ${oneLine(approval.ou_path)}`),
  ];
  shell.stderr.write(`${lines.join("\n")}\n`);
  if (options.yes !== true && !(await confirm(shell, `${String(options["decision"])} this? [y/N] `))) {
    shell.stderr.write("No vote was cast.\n");
    throw new Exit(exitCodes.failed);
  }
  return approval.digest;
}

async function confirm(shell: Shell, question: string): Promise<boolean> {
  shell.stderr.write(question);
  for await (const line of linesOf(shell.stdin)) return /^y(es)?$/i.test(line.trim());
  return false;
}
