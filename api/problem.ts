import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { z } from "zod";
import { actions } from "../contracts/actions.ts";
import { reads } from "../contracts/reads.ts";
import { aboutRun } from "../core/audit/entry.ts";
import { PowerloomError, toProblem } from "../core/errors.ts";
import { isDatabaseAway, sqlState } from "../db/database.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { runAbout } from "../db/queries/runs.ts";
import { operations } from "../operations/registry.ts";
import type { ApiDeps, Caller } from "./deps.ts";

/** Parses what enters, or refuses with every fault: what, where (JSON pointer), what would be valid. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues
    .flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => ({ pointer: pointerTo([...issue.path, key]), detail: "there is no such field" }))
        : [{ pointer: pointerTo(issue.path), detail: issue.message }],
    )
    .slice(0, 20);
  throw new PowerloomError("invalid_input", errors.map((error) => `${error.pointer}: ${error.detail}`).join("; "), {
    errors,
  });
}

/** JSON pointer (RFC 6901); the whole document is the empty one. */
function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

export const notFound: RequestHandler = (req) => {
  throw new PowerloomError("not_found", `Nothing at ${req.method} ${req.path}. See /docs for what there is.`);
};

/** Turns every error into a problem document (RFC 9457). What we did not foresee is logged and stays private. */
export function answerProblems(deps: Pick<ApiDeps, "db" | "log" | "newId">) {
  return async (error: unknown, req: Request, res: Response, _next: NextFunction): Promise<void> => {
    const known = translate(error);
    if (known.code === "internal")
      deps.log.error({ err: error, path: req.path, method: req.method }, "unforeseen error");
    // Whoever asks is told to try again; whoever runs this wants to know what was in the way.
    if (known.code === "unavailable")
      deps.log.warn({ err: error, path: req.path, method: req.method }, "a part was not there for a request");
    if (res.headersSent) {
      res.destroy();
      return;
    }
    if (known.code === "forbidden")
      await auditRefusal(deps, req, res, known).catch((err: unknown) =>
        deps.log.error({ err }, "a refusal was not audited"),
      );
    sendProblem(res, known);
  };
}

/** Refusals are entries too. Those of governed mutations are written with their request, a dry run asks for nothing; these are all others. */
async function auditRefusal(
  deps: Pick<ApiDeps, "db" | "newId">,
  req: Request,
  res: Response,
  error: PowerloomError,
): Promise<void> {
  const caller = res.locals["caller"] as Caller | undefined;
  if (caller === undefined || "request_id" in error.extensions || res.locals["dryRun"] === true) return;
  const operation = String(res.locals["operation"] ?? `${req.method} ${req.path}`);
  const target = targetIn(operation, req.path);
  await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    const run = await runAbout(tx, caller.act.startsWith("run:") ? caller.act : (target ?? ""));
    appendAudit(tx, {
      id: deps.newId(),
      sub: caller.principalId,
      act: caller.act === "" ? null : caller.act,
      delegated_from_session: caller.sid === "" ? null : caller.sid,
      operation,
      ou: null,
      target,
      digest: null,
      rule: typeof error.extensions["rule"] === "string" ? error.extensions["rule"] : error.code,
      approval_id: null,
      outcome: "refused",
      detail: { ...aboutRun(run), problem: { code: error.code, detail: error.message } },
    });
  });
}

const templates = new Map<string, string>(
  [...operations.map(({ name, http }) => ({ name, path: http.path })), ...actions, ...reads].map(({ name, path }) => [
    name,
    path,
  ]),
);

/** What was refused, from the first variable part of the path; error handlers are not given a route's parameters. */
function targetIn(operation: string, path: string): string | null {
  const parts = templates.get(operation)?.split("/") ?? [];
  const index = parts.findIndex((part) => part.startsWith(":"));
  const value = path.split("/")[index];
  // As it came, still encoded: decoded it could hold what an entry cannot.
  return value === undefined ? null : `${parts[index]?.slice(1).replace(/_id$/, "")}:${value.slice(0, 200)}`;
}

export function sendProblem(res: Response, error: PowerloomError): void {
  const problem = toProblem(error);
  if (problem.status === 401) res.set("WWW-Authenticate", 'Bearer realm="powerloom"');
  // Whoever limits requests has said how long.
  if ((problem.status === 429 || problem.status === 503) && !res.hasHeader("Retry-After")) res.set("Retry-After", "1");
  res.status(problem.status).type("application/problem+json").send(JSON.stringify(problem));
}

function translate(error: unknown): PowerloomError {
  if (error instanceof PowerloomError) return error;
  // Express and its body parsers mark client faults with a status.
  const status =
    error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : undefined;
  const message = error instanceof Error ? error.message : "";
  switch (status ?? 0) {
    case 400:
      return new PowerloomError("bad_request", `The request cannot be read: ${message}`);
    case 413:
      return new PowerloomError("payload_too_large", "The body is larger than 1 MB.");
    case 415:
      return new PowerloomError("unsupported_media_type", "Send application/json in UTF-8.");
    default:
  }
  const state = sqlState(error);
  // What PostgreSQL cannot take as text or number: the fault is in what was sent, wherever it slipped through.
  if (state === "22021" || state === "22P05" || state === "22P02" || state === "22003")
    return new PowerloomError("invalid_input", "A value is outside what can be stored.", {}, { cause: error });
  if (isDatabaseAway(error))
    return new PowerloomError(
      "unavailable",
      "The database cannot be reached or is too slow; try again.",
      {},
      { cause: error },
    );
  return new PowerloomError("internal", "An unforeseen error; it has been logged.", {}, { cause: error });
}
