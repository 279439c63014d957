import { randomBytes } from "node:crypto";
import { type Request, Router } from "express";
import type { ApiDeps } from "../deps.ts";
import { assetRoutes } from "./assets.ts";
import { consolePolicy, permissionsPolicy } from "./headers.ts";
import { createShell, notBuilt } from "./shell.ts";
import { isShellPath } from "./shell-paths.ts";

/**
 * The console: its assets, and its page for every path at which a browser asks for a page. The page is the same for
 * everybody and holds no data, so it is there before anybody has said who they are.
 */
export function consoleRoutes({ config }: Pick<ApiDeps, "config">): Router {
  const router = Router();
  const shell = createShell(config.consoleDirectory);
  router.use("/console/assets", assetRoutes(config));
  router.use(async (req, res, next) => {
    if ((req.method !== "GET" && req.method !== "HEAD") || !isShellPath(req.path)) return next();
    res.vary("Accept");
    if (!wantsPage(req)) return next();
    res.locals["operation"] = "console.shell";
    const nonce = randomBytes(16).toString("base64");
    const page = await shell(nonce);
    res
      .status(page === undefined ? 503 : 200)
      .set({
        "Content-Type": "text/html; charset=utf-8",
        // Not to be kept: the nonce in it is this answer's alone.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": consolePolicy(config, nonce),
        "Permissions-Policy": permissionsPolicy,
      })
      // Without an ETag: a page that was kept would be put under another answer's nonce.
      .end(page ?? notBuilt);
  });
  return router;
}

/** Whether HTML is named, and liked best: as browsers do on the way to a page, and nobody who reads JSON does. */
function wantsPage(req: Request): boolean {
  return /\btext\/html\b/i.test(req.get("accept") ?? "") && req.accepts(["json", "html"]) === "html";
}
