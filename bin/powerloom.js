#!/usr/bin/env node
// Plain JavaScript on purpose: it must run, and explain itself, on a Node that cannot run TypeScript.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bundled = `${root}node_modules/.bin/node`;
const [major] = process.versions.node.split(".").map(Number);
const node = major >= 24 ? process.execPath : existsSync(bundled) ? bundled : undefined;
if (node === undefined) {
  console.error(`powerloom needs Node 24 or newer; this is ${process.version}. Install Node 24, or run 'npm ci' here.`);
  process.exit(1);
}
// As stack/cache-folder.ts says it: with compiled modules kept, an answer is there in two thirds of the time.
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "powerloom");
const child = spawn(node, [`${root}cli/main.ts`, ...process.argv.slice(2)], {
  // The channel tells the child when this process is gone, even if it was killed.
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  env: { ...process.env, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || join(cache, "compiled") },
});
// A terminal sends Ctrl-C to both of us: the child decides what it means. SIGTERM comes to this process alone.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
