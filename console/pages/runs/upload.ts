/** A file as a run takes it. */
export interface UploadedFile {
  path: string;
  content: string;
  encoding: "utf8" | "base64";
}

/** The API takes no larger request, in bytes of JSON; a little is left for what else it holds. */
const mostBytes = 1024 * 1024 - 2_048;
const mostFiles = 2_000;
/** Neither needed nor wanted in a run: version control, installed packages, our own state. */
const unwanted: ReadonlySet<string> = new Set([".git", "node_modules", ".powerloom"]);

/** Where a chosen file lies in the workspace: of a chosen folder, its own name is left out. */
export function workspacePath(file: { name: string; webkitRelativePath: string }): string {
  const cut = file.webkitRelativePath.indexOf("/");
  return cut === -1 ? file.name : file.webkitRelativePath.slice(cut + 1);
}

/** Why a path cannot be sent; undefined when it can. */
export function faultOfPath(path: string): string | undefined {
  const parts = path.split("/");
  if (parts.some((part) => unwanted.has(part.toLowerCase()))) return "is left out of runs";
  const plain = path.length <= 1024 && !/[\0\\]/.test(path) && path.isWellFormed();
  return plain && parts.every((part) => part !== "" && part !== "." && part !== "..")
    ? undefined
    : "has a name that cannot be used";
}

/** A file's bytes as text, or as base64 when they are none. */
export function encoded(path: string, bytes: Uint8Array): UploadedFile {
  try {
    const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!content.includes("\0")) return { path, content, encoding: "utf8" };
  } catch {
    // Not text.
  }
  let binary = "";
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return { path, content: btoa(binary), encoding: "base64" };
}

/**
 * What of some files fits into one request: the smallest first, so that one large file does not keep many others out.
 * @param otherBytes what else the request holds, bytes of JSON
 */
export function whatFits(
  files: readonly UploadedFile[],
  otherBytes: number,
): { files: UploadedFile[]; leftOut: { path: string; why: string }[] } {
  const sized = files.map((file) => ({ file, bytes: new Blob([JSON.stringify(file)]).size + 1 }));
  const kept: UploadedFile[] = [];
  const leftOut: { path: string; why: string }[] = [];
  let room = mostBytes - otherBytes;
  for (const { file, bytes } of sized.sort((one, other) => one.bytes - other.bytes)) {
    if (kept.length >= mostFiles) leftOut.push({ path: file.path, why: `is more than ${mostFiles} files` });
    else if (bytes > room) leftOut.push({ path: file.path, why: "is too large for what a request may hold (1 MiB)" });
    else {
      room -= bytes;
      kept.push(file);
    }
  }
  const byPath = (one: { path: string }, other: { path: string }) => (one.path < other.path ? -1 : 1);
  return { files: kept.sort(byPath), leftOut: leftOut.sort(byPath) };
}
