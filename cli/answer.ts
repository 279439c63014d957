import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import type { requestView } from "../contracts/views.ts";
import type { ApiAnswer, ApiClient } from "./api-client.ts";
import { CliFailure, Exit, exitCodes } from "./failure.ts";
import { type Paint, painter } from "./paint.ts";
import { printable } from "./printable.ts";
import { renderAnswer } from "./render-value.ts";
import { type Shell, wantsColor } from "./shell.ts";

type RequestView = z.infer<typeof requestView>;

/** Prints a result: as JSON and nothing else, or for people. */
export function print(shell: Shell, json: boolean | undefined, body: unknown, human: (paint: Paint) => string[]): void {
  const lines = json === true ? [JSON.stringify(body, undefined, 2)] : human(painter(wantsColor(shell)));
  shell.stdout.write(`${lines.join("\n")}\n`);
}

/** Prints what the API answered to a command. */
export function printAnswer(shell: Shell, json: boolean | undefined, name: string, body: unknown): void {
  print(shell, json, body, (paint) => renderAnswer(name, body, paint));
}

/** Prints what became of a mutation. One that is not applied yet ends the command with its own exit code. */
export async function printMutation(
  shell: Shell,
  api: ApiClient,
  options: { json?: boolean; wait?: boolean },
  name: string,
  answer: ApiAnswer,
): Promise<void> {
  if (answer.status !== 202) {
    print(shell, options.json, answer.body, (paint) => done(name, answer.body, paint));
    return;
  }
  const taken = answer.body as RequestView;
  if (options.wait !== true) {
    print(shell, options.json, taken, (paint) => waiting(taken, paint));
    throw new Exit(exitCodes.notYet);
  }
  if (options.json !== true) shell.stderr.write(`${waiting(taken, painter(wantsColor(shell, shell.stderr)))[0]}\n`);
  const final = await waitForRequest(api, taken.id);
  if (final.status !== "applied") throw failureOf(final);
  const result = final.result ?? final;
  print(shell, options.json, result, (paint) => done(name, result, paint));
}

function done(name: string, body: unknown, paint: Paint): string[] {
  const secret = typeof body === "object" && body !== null && "secret" in body;
  return [
    paint("green", `✓ ${name}`),
    ...renderAnswer(name, body, paint),
    ...(secret ? [paint("yellow", "The secret is shown this once: keep it now.")] : []),
  ];
}

function waiting({ id, status, diff }: RequestView, paint: Paint): string[] {
  const what = diff === null ? "" : `: ${printable(diff.summary)}`;
  if (status === "received")
    return [`${paint("yellow", "…")} Taken, not applied yet. Look again: powerloom requests get ${printable(id)}`];
  return [
    `${paint("yellow", "⏸")} Waits for approval${what}`,
    `  Request ${printable(id)}: powerloom approvals get ${printable(id)}`,
  ];
}

/** Asks until the request is decided, ever less often. A person decides: this may take days. */
async function waitForRequest(api: ApiClient, id: string): Promise<RequestView> {
  for (let pause = 200; ; pause = Math.min(pause * 1.5, 5_000)) {
    const request = await api.get<RequestView>(`/requests/${encodeURIComponent(id)}`);
    if (request.status !== "received" && request.status !== "pending_approval") return request;
    await delay(pause);
  }
}

function failureOf(request: RequestView): CliFailure {
  const problem = (request.problem ?? {}) as { detail?: string };
  const why = problem.detail ?? request.reason ?? "no reason was given";
  const message = request.status === "refused" ? why : `The request was ${request.status}: ${why}`;
  return new CliFailure(exitCodes.failed, message, { title: "Not applied", ...problem, request_id: request.id });
}
