import { access } from "node:fs/promises";
import { extname, join } from "node:path";
import express, { type RequestHandler, Router } from "express";
import type { Config } from "../../config.ts";
import { PowerloomError } from "../../core/errors.ts";
import { consolePolicy } from "./headers.ts";

const year = 31_536_000;
/** Content codings, the smaller first, and how the files made with them end. */
const codings = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

/** The build has no folders below `assets`, so no name that is let through can lead anywhere else. */
const assetPath = /^\/[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;

/** `/console/assets/*`: named by what is in them, so kept for ever; in the smallest form there is and the browser takes. */
export function assetRoutes(config: Pick<Config, "apiUrl" | "consoleDirectory">): Router {
  const router = Router();
  const unknown: RequestHandler = (req, res) => {
    res.removeHeader("Content-Encoding");
    throw new PowerloomError("not_found", `There is no asset ${req.originalUrl.split("?")[0]}: load the page again.`);
  };
  const directory = config.consoleDirectory === undefined ? undefined : join(config.consoleDirectory, "assets");
  if (directory === undefined) return router.use(unknown);
  const policy = consolePolicy(config);

  router.use(async (req, res, next) => {
    const name = req.path;
    if (!assetPath.test(name)) return next("router");
    res.vary("Accept-Encoding");
    for (const [coding, ending] of codings) {
      if (req.acceptsEncodings(coding) !== coding || !(await exists(join(directory, name + ending)))) continue;
      res.type(extname(name)).set("Content-Encoding", coding);
      req.url = name + ending;
      break;
    }
    next();
  });
  router.use(
    express.static(directory, {
      index: false,
      redirect: false,
      setHeaders(res) {
        res.setHeader("Cache-Control", `public, max-age=${year}, immutable`);
        res.setHeader("Content-Security-Policy", policy);
      },
    }),
  );
  return Router().use(router).use(unknown);
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
