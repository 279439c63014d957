import type { RequestHandler } from "express";
import { ApiError, invalid, notFound } from "./errors.ts";

const managedAgentsBeta = "managed-agents-2026-04-01";
const versions = new Set(["2026-10-21", "2023-06-01"]);
const betaShape = /^[a-z0-9]+(?:-[a-z0-9]+)*-\d{4}-\d{2}-\d{2}$/;

/** Any credential is good enough, but there must be one, as with the real service. */
export const requireCredential: RequestHandler = (req, _res, next) => {
  const bearer = /^Bearer\s+\S/i.test(req.header("authorization") ?? "");
  if (!bearer && !req.header("x-api-key")) {
    throw new ApiError(401, "authentication required: send an API key");
  }
  const version = req.header("anthropic-version");
  if (version === undefined) throw invalid("anthropic-version: header is required");
  if (!versions.has(version)) throw invalid(`anthropic-version: "${version}" is not a valid version`);
  for (const beta of betasOf(req.header("anthropic-beta"))) {
    if (!betaShape.test(beta)) throw invalid(`Unexpected value(s) \`${beta}\` for the \`anthropic-beta\` header.`);
  }
  next();
};

/** Managed-agents paths do not exist for a caller that has not opted into the beta. */
export const requireManagedAgentsBeta: RequestHandler = (req, _res, next) => {
  if (!betasOf(req.header("anthropic-beta")).includes(managedAgentsBeta)) throw notFound("Not found");
  next();
};

function betasOf(header: string | undefined): string[] {
  return (header ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
