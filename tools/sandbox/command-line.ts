import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { relativeTo, workspaceMount } from "../workspace/lexical-path.ts";
import { prlimitArguments, type SandboxLimits } from "./limits.ts";
import type { SandboxPrograms } from "./programs.ts";

/** Descriptors that bwrap inherits: what it reads before it starts the command, and where it reports. */
export const inherited = { passwd: 3, group: 4, seccomp: 5, status: 6 } as const;

/** The only accounts inside. */
export const passwdText = "sandbox:x:65534:65534:sandbox:/tmp:/bin/sh\n";
export const groupText = "sandbox:x:65534:\n";

/**
 * The first process inside (its end ends all others): the kernel should take this tree first when memory runs out, and
 * a command of its own below it dies of signals as usual, which process 1 would not.
 */
const first = 'echo 1000 >/proc/self/oom_score_adj; umask 022; sh -c " $1"; exit $?';

export interface SandboxOrder {
  programs: SandboxPrograms;
  /** Directory to mount read-write at /workspace. */
  workspace: string;
  /** Owner of the workspace. Differs from the caller's only when that is root. */
  owner: { uid: number; gid: number };
  command: string;
  limits: SandboxLimits;
  /** The running Node, mounted read-only so that `node` works inside. */
  node: string;
  asRoot: boolean;
}

/** Program and arguments that run the command inside. */
export function sandboxCommandLine(order: SandboxOrder): [string, ...string[]] {
  const { programs, owner } = order;
  if (!order.asRoot) return [programs.bwrap, ...bwrapArguments(order, order.workspace, order.node)];
  const stage = stageFor(order);
  return [
    programs.unshare,
    "--mount",
    "--propagation=private",
    "/bin/sh",
    "-c",
    stageScript,
    "stage",
    order.workspace,
    order.node,
    stage,
    programs.mount,
    programs.setpriv,
    String(owner.uid),
    String(owner.gid),
    programs.bwrap,
    ...bwrapArguments(order, `${stage}/workspace`, `${stage}/node`),
  ];
}

/**
 * As root: what is to be mounted is first brought, in a mount namespace of its own, to where an ordinary user reaches
 * it (both may lie below /root); then root is given up for good before bwrap starts. Root kept outside would escape the
 * limit on processes and own every file of root that is mounted.
 */
const stageScript = [
  "set -e",
  'exec 8<"$1" 9<"$2"',
  'stage="$3" mount="$4" setpriv="$5" uid="$6" gid="$7"',
  "shift 7",
  '"$mount" -n -t tmpfs -o mode=755,size=64k,nosuid,nodev stage "$stage"',
  'mkdir "$stage/workspace"',
  ': >"$stage/node"',
  '"$mount" -n -c --bind /proc/self/fd/8 "$stage/workspace"',
  '"$mount" -n -c --bind /proc/self/fd/9 "$stage/node"',
  "exec 8<&- 9<&-",
  'exec "$setpriv" --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all "$@"',
].join("\n");

/** Any directory that holds neither; it is covered in the stage's own mount namespace only. */
function stageFor({ programs, workspace, node }: SandboxOrder): string {
  const used = [workspace, node, programs.bwrap];
  const free = ["/mnt", "/tmp", "/srv", "/media", "/opt"].find(
    (directory) => existsSync(directory) && !used.some((path) => relativeTo(directory, path) !== null),
  );
  return free ?? "/mnt";
}

function bwrapArguments({ programs, command, limits }: SandboxOrder, workspace: string, node: string): string[] {
  return [
    isolation,
    environment,
    ["--ro-bind", "/usr", "/usr", ...hidden(), ...topLevel()],
    ["--ro-bind-data", `${inherited.passwd}`, "/etc/passwd", "--ro-bind-data", `${inherited.group}`, "/etc/group"],
    // Where the loader looks first, and Debian's choice between programs that do the same (awk).
    ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"],
    ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"],
    ["--proc", "/proc", "--dev", "/dev"],
    ["--size", String(64 << 20), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ["--size", String(limits.temporaryBytes), "--tmpfs", "/tmp"],
    ["--ro-bind", node, "/opt/node/bin/node", "--bind", workspace, workspaceMount],
    // The root is memory as well, which no limit would count.
    ["--remount-ro", "/", "--chdir", workspaceMount],
    ["--seccomp", `${inherited.seccomp}`, "--json-status-fd", `${inherited.status}`],
    ["--", programs.prlimit, ...prlimitArguments(limits), "/bin/sh", "-c", first, "sandbox", command],
  ].flat();
}

const isolation = [
  ["--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox"],
  ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"],
].flat();

const environment = [
  ["--clearenv", "--setenv", "PATH", "/opt/node/bin:/usr/local/bin:/usr/bin:/bin"],
  ["--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"],
].flat();

/** An installation below /usr would otherwise be readable. */
function hidden(): string[] {
  const here = process.cwd();
  return relativeTo("/usr", here) ? ["--tmpfs", here] : [];
}

/** /bin and its like: links into /usr on most systems, directories of their own on some. */
function topLevel(): string[] {
  return ["/bin", "/sbin", "/lib", "/lib64"].flatMap((path) => {
    if (!existsSync(path)) return [];
    return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
}
