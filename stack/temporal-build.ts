import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "./running.ts";
import { preferredCli } from "./temporal-choice.ts";

const tellEveryMs = 20_000;
const wholeMs = 30 * 60_000;
const command = "github.com/temporalio/cli/cmd/temporal";

/** The `go` command that builds a release into a folder, and the folder of go.mod and go.sum it needs, if any. */
export function buildCommand(version: string, folder: string): { args: string[]; module?: string } {
  // The releases after 1.5 replace a package by a local folder, which `go install` refuses: ours replaces it anew.
  if (version !== preferredCli)
    return { args: ["install", "-v", "-trimpath", `-ldflags=-s -w`, `${command}@v${version}`] };
  return {
    args: [
      "build",
      "-v",
      "-mod=mod",
      "-trimpath",
      `-ldflags=-s -w -X github.com/temporalio/cli/internal/temporalcli.Version=${version}`,
      "-o",
      join(folder, "temporal"),
      command,
    ],
    module: fileURLToPath(new URL("./temporal-cli/", import.meta.url)),
  };
}

/** Builds the CLI from source: minutes, once. The result is renamed into place when it is whole. */
export async function buildTemporal(given: {
  go: string;
  version: string;
  target: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
}): Promise<{ ok: true } | { ok: false; reason: string }> {
  const { version, target, log } = given;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(dirname(target), ".build-"));
  const started = performance.now();
  let compiled = 0;
  let fetched = 0;
  let last = "";
  const seconds = () => Math.round((performance.now() - started) / 1000);
  const timer = setInterval(
    () =>
      log(
        `still building Temporal CLI ${version}: ${fetched} modules fetched, ${compiled} packages compiled, ${seconds()} s`,
      ),
    tellEveryMs,
  );
  try {
    const { args, module } = buildCommand(version, folder);
    for (const name of module ? ["go.mod", "go.sum"] : []) await copyFile(join(module ?? "", name), join(folder, name));
    log(`building Temporal CLI ${version} with Go: 5 to 10 minutes, only this once`);
    const running = await runChild({
      command: given.go,
      args,
      cwd: folder,
      // No go.work of the person, no flags of theirs; GOBIN is where `go install` puts it.
      env: { ...given.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off", GOBIN: folder },
      onLine(line) {
        if (line.startsWith("go: downloading")) fetched += 1;
        else if (/^[\w.-]+(\/[\w.~-]+)*$/.test(line)) compiled += 1;
        else last = line;
      },
      stopTimeoutMs: 2_000,
    });
    const bound = setTimeout(() => void running.stop(), wholeMs);
    const reason = await running.exited;
    clearTimeout(bound);
    if (reason !== "exit code 0") return { ok: false, reason: `the Go build of ${version} failed (${last || reason})` };
    await chmod(join(folder, "temporal"), 0o755);
    await rename(join(folder, "temporal"), target);
    log(`built Temporal CLI ${version} in ${seconds()} s`);
    return { ok: true };
  } finally {
    clearInterval(timer);
    await rm(folder, { recursive: true, force: true });
  }
}
