import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createWorkspace } from "../workspace/workspace.ts";
import { explainFailure, type NamespaceSettings } from "./explain-failure.ts";
import { defaultLimits } from "./limits.ts";
import { findProgram, isExecutable, type SandboxPrograms } from "./programs.ts";
import { runSandboxed } from "./run-sandboxed.ts";

export type SandboxAvailability = { available: true; programs: SandboxPrograms } | { available: false; reason: string };

/** Options of bwrap without which the sandbox would be weaker; `--size` is the youngest (0.6.3). */
const neededOptions = ["--unshare-all", "--as-pid-1", "--clearenv", "--size", "--json-status-fd", "--seccomp"];

const answers = new Map<string, Promise<SandboxAvailability>>();

/**
 * Can commands be sandboxed on this machine? Found out once for a process, by running one; a reason says which call
 * failed and what to install or to set.
 * @param bwrapPath where bubblewrap is; looked for in the system's directories when left out
 */
export function sandboxAvailability(bwrapPath?: string): Promise<SandboxAvailability> {
  const key = bwrapPath ?? "";
  const known = answers.get(key);
  if (known !== undefined) return known;
  const answer = probe(bwrapPath);
  answers.set(key, answer);
  return answer;
}

async function probe(bwrapPath: string | undefined): Promise<SandboxAvailability> {
  const no = (reason: string): SandboxAvailability => ({ available: false, reason });
  if (process.platform !== "linux")
    return no(
      `Commands are sandboxed with Linux namespaces, which ${process.platform} does not have: run the worker on Linux, ` +
        "in a virtual machine or a container, to have execute_command.",
    );
  if (process.arch !== "x64" && process.arch !== "arm64")
    return no(`The sandbox knows the system calls of x64 and arm64, not of ${process.arch}.`);
  const found = findPrograms(bwrapPath);
  if (typeof found === "string") return no(found);
  const tooOld = await missingOptions(found.bwrap);
  if (tooOld !== null) return no(tooOld);
  const failure = await tryOut(found);
  return failure === null ? { available: true, programs: found } : no(failure);
}

function findPrograms(bwrapPath: string | undefined): SandboxPrograms | string {
  const bwrap = bwrapPath === undefined ? findProgram("bwrap") : isExecutable(bwrapPath) ? bwrapPath : null;
  if (bwrap === null)
    return (
      `bubblewrap is not installed${bwrapPath === undefined ? "" : ` at ${bwrapPath}`}: ` +
      "apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora)."
    );
  const others = { prlimit: "", unshare: "", mount: "", setpriv: "" };
  for (const name of ["prlimit", "unshare", "mount", "setpriv"] as const) {
    const path = findProgram(name);
    if (path === null && (name === "prlimit" || process.getuid?.() === 0))
      return `${name} is not installed: it is part of util-linux (apt-get or dnf install util-linux).`;
    others[name] = path ?? "";
  }
  return { bwrap, ...others };
}

async function missingOptions(bwrap: string): Promise<string | null> {
  try {
    const { stdout, stderr } = await promisify(execFile)(bwrap, ["--help"], { timeout: 10_000, env: {} });
    const missing = neededOptions.filter((option) => !`${stdout}${stderr}`.includes(option));
    if (missing.length === 0) return null;
    return `${bwrap} does not know ${missing.join(", ")}: bubblewrap 0.7 or later is needed.`;
  } catch (error) {
    return `${bwrap} --help fails: ${error instanceof Error ? firstLine(error.message) : "unknown"}`;
  }
}

async function tryOut(programs: SandboxPrograms): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-sandbox-probe-"));
  try {
    await createWorkspace(directory);
    const run = await runSandboxed({ programs, workspace: directory, command: "node --version", limits: probeLimits });
    if (run.status === "failed") return explainFailure(run.reason, namespaceSettings());
    if (run.result.exit_code === 0) return null;
    return `A command in the sandbox cannot run node: exit code ${run.result.exit_code}, ${firstLine(run.result.stderr)}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const probeLimits = { ...defaultLimits, wallSeconds: 20 };

function namespaceSettings(): NamespaceSettings {
  return {
    unprivilegedClone: setting("kernel/unprivileged_userns_clone"),
    appArmorRestricts: setting("kernel/apparmor_restrict_unprivileged_userns"),
    mostUserNamespaces: setting("user/max_user_namespaces"),
  };
}

function setting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    return null;
  }
}

const firstLine = (text: string): string => text.trim().split("\n")[0]?.slice(0, 300) ?? "";
