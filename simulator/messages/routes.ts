import { setTimeout as sleep } from "node:timers/promises";
import { type Request, type Response, Router } from "express";
import { ApiError, invalid, notFound } from "../http/errors.ts";
import type { StreamFault } from "../http/faults.ts";
import { jsonBody } from "../http/json-body.ts";
import { many, one } from "../http/pages.ts";
import { checkMessageRequest, checkRequest, mindPrefix } from "./check.ts";
import { composeMessage } from "./compose.ts";
import type { Minds } from "./minds.ts";
import { findModel, modelInfo, models } from "./models.ts";
import { promptCache } from "./prompt-cache.ts";
import { countRequest, messageRequest } from "./request.ts";
import { compile } from "./schema.ts";
import { streamMessage } from "./stream.ts";
import { inputTokens, segments } from "./tokens.ts";

/** The smallest prefix that is cached, in tokens. Real models have 512 to 4,096; minds have none, to keep tests small. */
const smallestCachedPrefix = 1024;

/** `/v1/messages`, `/v1/messages/count_tokens` and `/v1/models`. */
export function messageRoutes(minds: Minds, options: { paceMs: number }): Router {
  const router = Router();
  const cache = promptCache();

  router.post("/v1/messages", jsonBody, async (req, res) => {
    const request = messageRequest.parse(req.body);
    checkMessageRequest(request, versionOf(req));
    minds.requireArmed(request.model);
    const schema = request.output_config?.format?.schema;
    if (schema !== undefined) compile(schema);

    const call = minds.record(request, String(res.locals["requestId"]));
    res.once("close", () => {
      call.answered = res.writableFinished && res.statusCode === 200;
      call.status = res.headersSent ? res.statusCode : 0;
    });
    const reply = minds.reply(request);
    const delayMs = reply.delay_ms ?? 0;
    if (reply.status !== undefined) {
      if (delayMs > 0) await sleep(delayMs);
      throw new ApiError(reply.status, reply.text ?? "The mind answers with an error.");
    }
    const minimum = request.model.startsWith(mindPrefix) ? 0 : smallestCachedPrefix;
    const input = cache.use(request.model, segments(request), minimum);
    const message = composeMessage(request, reply, input);
    if (request.stream) {
      const fault = res.locals["streamFault"] as StreamFault | undefined;
      return streamMessage(res, message, { delayMs, paceMs: options.paceMs, fault });
    }
    if (delayMs > 0) await sleep(delayMs);
    return void res.json(message);
  });

  router.post("/v1/messages/count_tokens", jsonBody, (req, res) => {
    const request = countRequest.parse(req.body);
    checkRequest(request, versionOf(req));
    minds.requireArmed(request.model);
    res.json({ input_tokens: inputTokens(request) });
  });

  router.get("/v1/models", listModels);
  router.get("/v1/models/:id", (req, res) => {
    const model = findModel(req.params.id);
    if (model === undefined) throw notFound(`model: ${req.params.id}`);
    res.json(modelInfo(model));
  });
  return router;
}

const versionOf = (req: Request): string => req.header("anthropic-version") ?? "";

function listModels(req: Request, res: Response): void {
  const limit = Number(one(req, "limit") ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw invalid("limit: must be between 1 and 1000");
  const lifecycles = many(req, "lifecycle") ?? ["active", "deprecated"];
  const shown = models.filter(({ lifecycle }) => lifecycles.includes(lifecycle));
  const place = (name: "after_id" | "before_id"): number | undefined => {
    const id = one(req, name);
    if (id === undefined) return undefined;
    const at = shown.findIndex((model) => model.id === id);
    if (at < 0) throw invalid(`${name}: unknown model`);
    return at;
  };
  const after = place("after_id");
  const before = place("before_id");
  if (after !== undefined && before !== undefined) throw invalid("after_id and before_id exclude each other");
  const start = before === undefined ? (after ?? -1) + 1 : Math.max(0, before - limit);
  const end = before ?? Math.min(shown.length, start + limit);
  const page = shown.slice(start, end);
  res.json({
    data: page.map(modelInfo),
    has_more: before === undefined ? end < shown.length : start > 0,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  });
}
