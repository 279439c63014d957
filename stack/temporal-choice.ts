/** Versions of the Temporal CLI and of the server in it. */
export interface TemporalVersion {
  cli: string;
  server: string;
}

/** What was found on this machine, in the order in which it is looked at. */
export interface TemporalFindings {
  cliPath?: { path: string; executable: boolean };
  onPath?: { path: string; version: TemporalVersion | undefined };
  /** Executables in the cache, the preferred version first. */
  cached: readonly string[];
}

/** The decision: use a binary that is there, obtain one, or stop with a sentence. */
export type TemporalChoice =
  | { kind: "use"; path: string; source: "TEMPORAL_CLI_PATH" | "PATH" | "cache" }
  | { kind: "refuse"; sentence: string }
  | { kind: "obtain"; passedOver?: string };

/** The version that is obtained, and the one that any Go of its age can build with a plain `go install`. */
export const preferredCli = "1.8.2";
export const fallbackCli = "1.5.1";

/** The oldest server that ours was tested with; older ones on PATH are passed over. */
const oldestServer = "1.29.0";

/** Go versions that the two CLI releases name in their go.mod. */
const goForPreferred = "1.26.4";
export const goForFallback = "1.25.0";

/** Reads `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)`. */
export function parseTemporalVersion(text: string): TemporalVersion | undefined {
  const found = /temporal version (\S+) \(Server (\d+\.\d+\.\d+)/.exec(text);
  return found?.[1] && found[2] ? { cli: found[1], server: found[2] } : undefined;
}

/** Reads `go version go1.26.8 linux/amd64`. Development versions of Go have no number and count as none. */
export function parseGoVersion(text: string): string | undefined {
  const found = /go version go(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return found ? `${found[1]}.${found[2]}.${found[3] ?? 0}` : undefined;
}

/** Whether a dotted version is at least another one. */
export function atLeast(version: string, least: string): boolean {
  const [left, right] = [version, least].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Chooses among what is there; the person's own word comes first and is never silently replaced. */
export function chooseTemporal(found: TemporalFindings): TemporalChoice {
  if (found.cliPath) {
    const { path, executable } = found.cliPath;
    if (executable) return { kind: "use", path, source: "TEMPORAL_CLI_PATH" };
    return { kind: "refuse", sentence: `TEMPORAL_CLI_PATH names ${path}, which is not an executable file` };
  }
  const server = found.onPath?.version?.server;
  if (found.onPath && server && atLeast(server, oldestServer)) {
    return { kind: "use", path: found.onPath.path, source: "PATH" };
  }
  const [cached] = found.cached;
  if (cached) return { kind: "use", path: cached, source: "cache" };
  if (!found.onPath) return { kind: "obtain" };
  const why = server ? `has server ${server}, needed is ${oldestServer} or newer` : "does not say its version";
  return { kind: "obtain", passedOver: `${found.onPath.path} ${why}` };
}

/** Which releases a Go of this version can build, best first. */
export function buildableVersions(go: string | undefined): string[] {
  if (!go) return [];
  if (atLeast(go, goForPreferred)) return [preferredCli, fallbackCli];
  return atLeast(go, goForFallback) ? [fallbackCli] : [];
}

/** The last word, when nothing worked. */
export function noTemporalSentence(reasons: readonly string[]): string {
  return (
    `No Temporal server (${reasons.join("; ")}): set TEMPORAL_ADDRESS to a running one, or TEMPORAL_CLI_PATH to the ` +
    "temporal CLI, or install the CLI (brew install temporal, or the archive from https://temporal.io/setup/install-temporal-cli) on PATH"
  );
}
