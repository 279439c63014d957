import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { actions } from "../contracts/actions.ts";
import { devSignInInput, oidcSignInQuery, signInErrors, signInOptions } from "../contracts/console.ts";
import { reads } from "../contracts/reads.ts";
import { diffView, requestView } from "../contracts/views.ts";
import { powerloomVersion } from "../core/version.ts";
import { operations } from "../operations/registry.ts";
import { sessionCookieName } from "./console/cookies.ts";
import { consoleHeader } from "./console/same-origin.ts";
import { bootstrapInput } from "./routes/bootstrap.ts";

const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    retryable: z.boolean(),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem details" });

/** A refusal that many routes share: named once, among the document's components. */
const problemResponse = (id: string, description: string) => ({
  id,
  description,
  content: { "application/problem+json": { schema: problem } },
});

/** The same for one that passes: says when to come again. */
const passingResponse = (id: string, description: string) => ({
  ...problemResponse(id, description),
  headers: z.object({ "Retry-After": z.string().describe("Seconds") }),
});

/** What any authenticated route may answer besides its own. */
const commonProblems = {
  "400": problemResponse("BadRequest", "The request cannot be read"),
  "401": problemResponse("Unauthenticated", "No valid token"),
  "403": problemResponse("Forbidden", "Missing permission: names it, the OU, and who can grant it"),
  "404": problemResponse("NotFound", "Not found, or not for you to see"),
  "413": problemResponse("PayloadTooLarge", "The body is larger than 1 MB"),
  "415": problemResponse("UnsupportedMediaType", "Not JSON in UTF-8"),
  "422": problemResponse("InvalidInput", "Input that is not valid: what, where, what would be"),
  "429": passingResponse("TooManyRequests", "Too many requests"),
  // By the HTTP server, before anything of ours has seen the request.
  "431": {
    id: "HeadersTooLarge",
    description: "Address and headers are larger than 16 kB: no body, and the connection ends",
  },
  "500": problemResponse("InternalError", "Unforeseen error"),
  "503": passingResponse("Unavailable", "A part the API needs cannot be reached"),
};

const conflict = problemResponse("Conflict", "Conflicts with what exists, or with the state it is in");
const gone = problemResponse("Gone", "Too late: it has expired or was cancelled");
const preconditionFailed = problemResponse("PreconditionFailed", "If-Match names another version");

const json = (schema: z.ZodType) => ({ "application/json": { schema } });

const dryRunView = z
  .object({
    decision: z.enum(["allowed", "needs_approval"]),
    operation: z.string(),
    rule: z.string(),
    policies: z.array(
      z.object({ id: z.string().nullable(), name: z.string(), approver_role: z.string(), approvals_needed: z.int() }),
    ),
    diff: diffView,
    digest: z.string(),
  })
  .meta({ id: "DryRun", description: "What would happen; nothing was done" });

/** Splits an input schema into what stands in the path and what in the body. */
function split(path: string, input: z.ZodObject): { params: z.ZodObject; body: z.ZodObject | undefined } {
  const names = [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? "");
  const shape = input.shape as Record<string, z.ZodType>;
  const params = z.object(Object.fromEntries(names.map((name) => [name, shape[name] ?? z.string()])));
  const rest = Object.fromEntries(Object.entries(shape).filter(([name]) => !names.includes(name)));
  return { params, body: Object.keys(rest).length === 0 ? undefined : z.strictObject(rest) };
}

const consoleHeaders = z.object({ [consoleHeader]: z.literal("1").describe("Says that a page of ours sends it") });

const toOpenApiPath = (path: string) => path.replace(/:(\w+)/g, "{$1}");
const tagOf = (path: string) => path.split("/")[1] ?? "";

/** The OpenAPI 3.1 document, from the same declarations as the routes. */
export function openApiDocument(serverUrl: string): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {};
  const add = (path: string, method: "get" | "post" | "patch" | "delete", operation: ZodOpenApiOperationObject) => {
    const key = toOpenApiPath(path);
    paths[key] = { ...paths[key], [method]: operation };
  };

  for (const read of reads)
    add(read.path, "get", {
      operationId: read.name,
      tags: [tagOf(read.path)],
      summary: read.summary,
      requestParams: { path: split(read.path, z.object({})).params, query: read.query },
      responses: { "200": { description: "OK", content: json(read.output) }, ...commonProblems },
    });

  for (const operation of operations) {
    const { params, body } = split(operation.http.path, operation.input);
    add(operation.http.path, operation.http.method.toLowerCase() as "post", {
      operationId: operation.name,
      tags: [tagOf(operation.http.path)],
      summary: operation.summary,
      description: `Needs \`${operation.permission}\`. Risk: ${operation.risk}.${operation.delegable ? " May be delegated to an agent." : ""}`,
      requestParams: {
        path: params,
        query: z.object({ dryRun: z.enum(["true", "false"]).optional().describe("Only say what would happen") }),
        header: z.object({
          "Idempotency-Key": z.string().min(1).max(255).optional(),
          "Powerloom-Key-Ttl": z
            .string()
            .regex(/^[0-9]{1,5}$/)
            .optional()
            .describe("Seconds the key is remembered, at most 86,400"),
          "If-Match": z.string().optional().describe("The ETag this change is meant for"),
        }),
      },
      ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
      responses: {
        ...(operation.http.status === 200
          ? {
              "200": {
                description: "Applied; with dryRun=true what would be",
                content: json(z.union([operation.output, dryRunView])),
              },
            }
          : {
              [operation.http.status]: { description: "Applied", content: json(operation.output) },
              "200": { description: "With dryRun=true", content: json(dryRunView) },
            }),
        "202": {
          description: "Waits for approval, or is still being taken up; see Location",
          headers: z.object({ Location: z.string() }),
          content: json(requestView),
        },
        "409": conflict,
        "410": gone,
        "412": preconditionFailed,
        ...commonProblems,
      },
    });
  }

  for (const action of actions) {
    const { params, body } = split(action.path, action.input);
    add(action.path, "post", {
      operationId: action.name,
      tags: [tagOf(action.path)],
      summary: action.summary,
      requestParams: { path: params, header: z.object({ "Idempotency-Key": z.string().min(1).max(200).optional() }) },
      ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
      responses: {
        [action.status]: { description: "OK", content: json(action.output) },
        "409": conflict,
        "410": gone,
        ...commonProblems,
      },
    });
  }

  add("/bootstrap", "post", {
    operationId: "bootstrap",
    tags: ["bootstrap"],
    summary: "Make the meta-agent of this organisation, or find it made",
    requestBody: { required: true, content: json(bootstrapInput) },
    responses: {
      "200": { description: "Ready", content: json(z.looseObject({ status: z.string() })) },
      "202": { description: "Under way", content: json(z.looseObject({ status: z.string() })) },
      "409": problemResponse("BootstrapFailed", "It failed: says where"),
      ...commonProblems,
    },
  });
  add("/events", "get", {
    operationId: "event.stream",
    tags: ["events"],
    summary: "What changes, as server-sent events; resumes by Last-Event-ID or ?after=",
    requestParams: {
      query: z.object({
        after: z
          .string()
          .regex(/^\d{1,15}$/)
          .optional(),
      }),
    },
    responses: {
      "200": { description: "Events", content: { "text/event-stream": { schema: z.unknown() } } },
      ...commonProblems,
    },
  });
  add("/audit/export", "get", {
    operationId: "audit.export",
    tags: ["audit"],
    summary: "The whole audit chain as JSON lines, for offline verification",
    responses: {
      "200": { description: "JSON lines", content: { "application/jsonl": { schema: z.string() } } },
      ...commonProblems,
    },
  });

  // Before anybody has said who they are: no token, no refusal for want of one.
  const { "401": _unauthenticated, ...publicProblems } = commonProblems;
  add("/sign-in/options", "get", {
    operationId: "sign_in.options",
    tags: ["sign-in"],
    summary: "How one can sign in here",
    security: [],
    responses: { "200": { description: "OK", content: json(signInOptions) }, ...publicProblems },
  });
  add("/sign-in/dev", "post", {
    operationId: "sign_in.dev",
    tags: ["sign-in"],
    summary: "Sign this browser in as a seeded person; only in dev mode",
    security: [],
    requestParams: { header: consoleHeaders },
    requestBody: { required: true, content: json(devSignInInput) },
    responses: { "204": { description: "Signed in: the cookie is set" }, ...publicProblems },
  });
  add("/sign-in/oidc", "get", {
    operationId: "sign_in.oidc",
    tags: ["sign-in"],
    summary: "To the identity provider of an organisation, and back to the console signed in; for browsers to follow",
    security: [],
    requestParams: { query: oidcSignInQuery },
    responses: {
      "302": {
        description: `To the provider, or to \`/sign-in?error=\` and one of ${signInErrors.join(", ")}`,
        headers: z.object({ Location: z.string() }),
      },
    },
  });
  add("/sign-out", "post", {
    operationId: "sign_out",
    tags: ["sign-in"],
    summary: "End this browser's sign-in, with every stream that is open by it",
    security: [{ browser: [] }],
    requestParams: { header: consoleHeaders },
    responses: { "204": { description: "Signed out: the cookie is cleared" }, ...commonProblems },
  });

  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Powerloom",
      version: powerloomVersion,
      description: "Durable control plane for fleets of AI agents",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: serverUrl }],
    security: [{ bearer: [] }, { browser: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        browser: {
          type: "apiKey",
          in: "cookie",
          name: sessionCookieName({ apiUrl: serverUrl }),
          description: `Set by signing in. What is not GET or HEAD needs the header \`${consoleHeader}: 1\` as well, from a page of this origin.`,
        },
      },
    },
  });
}
