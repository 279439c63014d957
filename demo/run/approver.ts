import { setTimeout as sleep } from "node:timers/promises";
import type { Paint } from "../../cli/paint.ts";
import { oneLine, printable } from "../../cli/printable.ts";
import { lineDiff } from "../../core/text/line-diff.ts";
import type { Person } from "../api.ts";
import { diffLines } from "./show.ts";

interface Approval {
  id: string;
  kind: string;
  digest: string;
  requester_email: string;
  ou_path: string;
  diff: { after: { agent: string; tool: string; arguments: Record<string, unknown>; why: string } };
}

export interface ApproverOptions {
  approver: Person;
  say: (...lines: string[]) => void;
  paint: Paint;
  /** What stands in a file before the run, so that a change of it can be shown as one. */
  contentOf: (path: string) => string;
  /** How long the person looks at a request before they decide, milliseconds. */
  thinkMs: number;
  signal: AbortSignal;
}

/**
 * Plays the second person until the signal: looks at what waits for approval, shows it, and approves it.
 * @returns how many requests were approved
 */
export async function attendApprovals(options: ApproverOptions): Promise<number> {
  const { approver, say, paint, signal } = options;
  const seen = new Set<string>();
  while (!signal.aborted) {
    const waiting = await approver.get<{ data: Approval[] }>("/approvals?status=pending").catch(() => ({ data: [] }));
    for (const request of waiting.data) {
      if (request.kind !== "permission" || seen.has(request.id)) continue;
      say(...asked(request, options));
      await sleep(options.thinkMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const vote = await approver
        .send("POST", `/approvals/${request.id}/votes`, { decision: "approve", digest: request.digest })
        .catch(() => undefined);
      // The API is away, or something else was decided meanwhile: it is looked at again.
      if (vote?.status !== 200) continue;
      seen.add(request.id);
      say(
        `${paint("green", "✓")} ${paint("bold", approver.email)} approves exactly this call (digest ${request.digest.slice(0, 12)}…)`,
        "",
      );
    }
    await sleep(150, undefined, { signal }).catch(() => undefined);
  }
  return seen.size;
}

function asked(
  { requester_email, ou_path, diff }: Approval,
  { approver, paint, contentOf }: ApproverOptions,
): string[] {
  const { agent, tool, arguments: args, why } = diff.after;
  return [
    "",
    `${paint("yellow", "?")} ${paint("bold", approver.email)} is asked: may the ${oneLine(agent)} use ${paint("bold", oneLine(tool))} for ${oneLine(requester_email)} in ${oneLine(ou_path)}?`,
    ...argumentLines(tool, args, contentOf, paint).map((line) => `    ${line}`),
    `    ${paint("dim", `why it asks: ${oneLine(why)}`)}`,
  ];
}

function argumentLines(
  tool: string,
  args: Record<string, unknown>,
  contentOf: (path: string) => string,
  paint: Paint,
): string[] {
  const { path, content } = args;
  if (tool === "write_file" && typeof path === "string" && typeof content === "string")
    return [`path: ${oneLine(path)}`, ...diffLines(lineDiff(contentOf(path), printable(content)), paint)];
  return Object.entries(args).map(([name, value]) => `${oneLine(name)}: ${oneLine(JSON.stringify(value))}`);
}
