/** What of `package-lock.json` (version 3, docs.npmjs.com/cli/configuring-npm/package-lock-json) is looked at. */
export interface Lock {
  lockfileVersion: number;
  packages: Record<string, LockedPackage>;
}

export interface LockedPackage {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  dev?: boolean;
  optional?: boolean;
  license?: string;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** What of `package.json` says which packages there may be, and which may run a script when they are installed. */
export interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  allowScripts?: Record<string, boolean>;
}

const exact = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
/** 64 bytes in base64. */
const sha512 = /^sha512-[A-Za-z0-9+/]{86}==$/;
/** Of what is shipped: whoever runs Powerloom owes nobody more than a notice. */
const permissive = new Set([
  "MIT",
  "Apache-2.0",
  "ISC",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
  "Unlicense",
  // Of tables of browsers: data, not code.
  "CC-BY-4.0",
]);

/** What a package's own files say where its description says nothing. */
const saidInFiles: Record<string, string> = { unionfs: "Unlicense" };

const kinds = ["dependencies", "devDependencies", "optionalDependencies"] as const;

/**
 * What is wrong with a lock file, a sentence each; empty when nothing is: every package is there by content, from a registry
 * and nowhere else, at the version that `package.json` names exactly, with a licence that asks for a notice only, and runs
 * nothing at its installation that nobody has allowed or refused.
 */
export function faultsOfLock(lock: Lock, manifest: Manifest): string[] {
  const faults: string[] = [];
  if (lock.lockfileVersion !== 3) faults.push(`the lock file is of version ${lock.lockfileVersion}, expected 3`);
  const root = lock.packages[""] ?? {};
  for (const kind of kinds)
    for (const [name, version] of Object.entries({ ...root[kind], ...manifest[kind] })) {
      const [wanted, locked] = [manifest[kind]?.[name], root[kind]?.[name]];
      if (wanted !== locked)
        faults.push(`${name}: package.json says ${wanted ?? "nothing"}, the lock file ${locked ?? "nothing"}`);
      else if (!exact.test(version)) faults.push(`${name}: ${version} is not one version`);
      else {
        const there = lock.packages[`node_modules/${name}`]?.version;
        if (there !== version) faults.push(`${name}: ${version} is asked for, ${there ?? "nothing"} is locked`);
      }
    }
  for (const [path, found] of Object.entries(lock.packages)) {
    if (!path.includes("node_modules/") || found.link === true) continue;
    const name = nameOf(path);
    if (found.integrity === undefined || !sha512.test(found.integrity))
      faults.push(`${path}: its content is not named by a SHA-512 digest`);
    if (found.resolved !== undefined)
      faults.push(`${path}: comes from ${found.resolved}; it is to come from the registry in use`);
    if (found.dev !== true && !isPermissive(found.license ?? saidInFiles[name]))
      faults.push(`${path}: its licence is ${found.license ?? "not said"}, and it is shipped`);
    if (found.hasInstallScript === true && manifest.allowScripts?.[name] === undefined)
      faults.push(`${path}: runs a script when it is installed, and \`allowScripts\` says neither yes nor no`);
  }
  return faults;
}

/** What is installed otherwise than it is locked; what is for other systems only may be missing. */
export function faultsOfInstalled(lock: Lock, installed: Pick<Lock, "packages">): string[] {
  const faults: string[] = [];
  for (const [path, there] of Object.entries(installed.packages)) {
    const wanted = lock.packages[path];
    // Workspaces are ours.
    if (!path.includes("node_modules/")) continue;
    if (wanted === undefined) faults.push(`${path}: is installed and not locked`);
    else if (wanted.link !== true && (wanted.version !== there.version || wanted.integrity !== there.integrity))
      faults.push(
        `${path}: ${there.version} with ${there.integrity} is installed, ${wanted.version} with ${wanted.integrity} is locked`,
      );
  }
  for (const [path, wanted] of Object.entries(lock.packages))
    if (path.includes("node_modules/") && wanted.optional !== true && installed.packages[path] === undefined)
      faults.push(`${path}: is locked and not installed`);
  return faults;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}

function isPermissive(license: string | undefined): boolean {
  // Of a choice one must do, of a sum all.
  const words = (license ?? "").replaceAll(/[()]/g, "");
  return words.split(" OR ").some((choice) => choice.split(" AND ").every((one) => permissive.has(one.trim())));
}
