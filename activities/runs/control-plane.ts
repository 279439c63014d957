import { ApplicationFailure, Context } from "@temporalio/activity";
import { controlPlaneTools } from "../../contracts/control-plane-tools.ts";
import type { CommandSpec } from "../../contracts/generated/commands.ts";
import { pathSegment } from "../../contracts/path-segment.ts";
import type { Admitted } from "./admit-tool.ts";
import { capabilityOf } from "./capability.ts";
import type { RunDeps } from "./deps.ts";
import type { ToolResult } from "./execute.ts";

const grant = {
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token_type: "urn:powerloom:token-type:run-capability",
};
/** The API itself waits five seconds for an outcome before it answers 202. */
const timeoutMs = 15_000;
/** Attempts of the activity at an API that gives no answer, about 40 seconds, before the model is told so. */
const mostAttempts = 8;

/** What to send for a call: everything a route wants, without the token. */
interface ApiRequest {
  method: CommandSpec["method"];
  path: string;
  json?: Record<string, unknown>;
}

/**
 * Carries out an operation of the control plane through the API, with a token made for this one call: rights, approval
 * policies, idempotency and audit are the API's, as for everybody. Whatever it answers is the tool's result. The key is
 * the step's, so a repeated attempt finds what the one before has done.
 * @throws to be tried again when the API cannot be reached; the signal's reason when it was aborted
 */
export async function useControlPlane(deps: RunDeps, admitted: Admitted, signal: AbortSignal): Promise<ToolResult> {
  const { run, step, spec } = admitted;
  const command = controlPlaneTools.get(spec.name);
  if (command === undefined) return failure(`The tool ${spec.name} cannot be used here.`);
  const request = requestOf(command, step.args ?? {});
  if ("missing" in request)
    return failure(`\`${request.missing}\` is missing: it says what \`${command.name}\` is about.`);
  try {
    const exchanged = await send(deps, signal, {
      method: "POST",
      path: "/oauth/token",
      body: new URLSearchParams({ ...grant, subject_token: capabilityOf(deps, admitted), scope: command.name }),
    });
    if (exchanged.status !== 200) return failure(exchanged.text);
    const { access_token: token } = JSON.parse(exchanged.text) as { access_token: string };
    const answer = await send(deps, signal, {
      method: request.method,
      path: request.path,
      headers: {
        authorization: `Bearer ${token}`,
        ...(request.json === undefined
          ? {}
          : { "content-type": "application/json", "idempotency-key": `run:${run.id}:${step.step_id}` }),
      },
      ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
    });
    return resultOf(answer);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof NoAnswer)) throw error;
    if (Context.current().info.attempt < mostAttempts)
      throw ApplicationFailure.retryable("the API gave no answer", "no_answer");
    return failure(
      command.kind === "read"
        ? error.message
        : `${error.message} Whether it was carried out is not known: find out before you call it again.`,
    );
  }
}

/** The request a call stands for, or the argument without which there is none. */
function requestOf(command: CommandSpec, args: Readonly<Record<string, unknown>>): ApiRequest | { missing: string } {
  const rest = { ...args };
  let path = command.path;
  for (const { name } of command.params.filter((one) => one.in === "path")) {
    const value = rest[name];
    delete rest[name];
    const segment = typeof value === "string" ? pathSegment(value) : undefined;
    if (segment === undefined) return { missing: name };
    path = path.replace(`:${name}`, () => segment);
  }
  if (command.method !== "GET") return { method: command.method, path, json: rest };
  const query = new URLSearchParams(
    Object.entries(rest).map(([name, value]): [string, string] => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  return { method: "GET", path: query.size === 0 ? path : `${path}?${query.toString()}` };
}

interface Answer {
  status: number;
  text: string;
}

class NoAnswer extends Error {}

async function send(
  deps: Pick<RunDeps, "apiUrl">,
  signal: AbortSignal,
  {
    method,
    path,
    headers,
    body,
  }: { method: string; path: string; headers?: Record<string, string>; body?: string | URLSearchParams },
): Promise<Answer> {
  let answer: Answer;
  try {
    const response = await fetch(deps.apiUrl + path, {
      method,
      headers: { accept: "application/json, application/problem+json", ...headers },
      ...(body === undefined ? {} : { body }),
      // Following a redirect would carry the token to wherever it points.
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    answer = { status: response.status, text: await response.text() };
  } catch (error) {
    throw new NoAnswer("The API cannot be reached.", { cause: error });
  }
  // Nothing was decided, or nobody knows: the same request may get an answer later.
  if (answer.status === 429 || answer.status >= 500)
    throw new NoAnswer(`The API answered ${answer.status}: ${answer.text}`);
  return answer;
}

function resultOf({ status, text }: Answer): ToolResult {
  if (status < 200 || status > 299) return failure(text);
  if (status !== 202) return { text, error: false, timedOut: false, exitCode: null };
  const view = JSON.parse(text) as { id: string; status: string };
  const message =
    view.status === "pending_approval"
      ? "This is not done yet: it waits for people to approve it, and is done when they have."
      : "This was taken up and is still being applied.";
  return {
    text: JSON.stringify({ request_id: view.id, message, ...view }),
    error: false,
    timedOut: false,
    exitCode: null,
  };
}

function failure(text: string): ToolResult {
  return { text, error: true, timedOut: false, exitCode: null };
}
