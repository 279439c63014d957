import { constants } from "node:fs";
import { open, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { usageFailure } from "../failure.ts";
import { contentDigest, isPlainPath, isUnwanted } from "./paths.ts";

/** The API takes no larger request, in bytes of JSON; a little is left for its envelope. */
const mostBytes = 1024 * 1024 - 2_048;
const mostFiles = 2_000;
/** A folder with more in it was hardly meant. */
const mostEntries = 50_000;

interface UploadedFile {
  path: string;
  content: string;
  encoding: "utf8" | "base64";
}

export interface Folder {
  /** Where it really is, links resolved. */
  root: string;
  files: UploadedFile[];
  /** Path → digest of what was sent. */
  sent: ReadonlyMap<string, string>;
  leftOut: { path: string; why: string }[];
}

/**
 * The files of a folder as a run takes them. Links are not followed. What does not fit into one request is left out,
 * the largest first, and named.
 * @param otherBytes what else the request holds, bytes of JSON
 * @throws CliFailure (wrong usage) when the folder cannot be read
 */
export async function collectFolder(directory: string, otherBytes: number): Promise<Folder> {
  const root = await realpath(directory).catch((error: unknown) => {
    throw usageFailure(`cannot read ${directory}: ${error instanceof Error ? error.message : String(error)}`);
  });
  const leftOut: Folder["leftOut"] = [];
  const found: { file: UploadedFile; digest: string; bytes: number }[] = [];
  let entries = 0;
  for await (const { path, kind } of entriesBelow(root, directory, "")) {
    entries += 1;
    if (entries > mostEntries)
      throw usageFailure(`there is more in ${directory} than a run can take: ${mostEntries} entries and not the end`);
    if (kind !== "file") leftOut.push({ path, why: kind });
    else if (!isPlainPath(path)) leftOut.push({ path, why: "its name cannot be used" });
    else {
      const content = await contentOf(join(root, path));
      if (typeof content === "string") leftOut.push({ path, why: content });
      else {
        const file = encoded(path, content);
        found.push({ file, digest: contentDigest(content), bytes: Buffer.byteLength(JSON.stringify(file)) + 1 });
      }
    }
  }

  const files: UploadedFile[] = [];
  const sent = new Map<string, string>();
  let room = mostBytes - otherBytes;
  // The smallest first, so that one large file does not keep many others out.
  for (const { file, digest, bytes } of found.sort((one, other) => one.bytes - other.bytes)) {
    if (bytes > room || files.length >= mostFiles) {
      const why = files.length >= mostFiles ? `more than ${mostFiles} files` : `too large (${bytes} bytes to send)`;
      leftOut.push({ path: file.path, why });
      continue;
    }
    room -= bytes;
    files.push(file);
    sent.set(file.path, digest);
  }
  const byPath = (one: { path: string }, other: { path: string }) => (one.path < other.path ? -1 : 1);
  return { root, files: files.sort(byPath), sent, leftOut: leftOut.sort(byPath) };
}

async function* entriesBelow(
  root: string,
  named: string,
  below: string,
): AsyncGenerator<{ path: string; kind: "file" | "a link" | "not a plain file" | "cannot be read" }> {
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch((error: unknown) => {
    if (below === "")
      throw usageFailure(`cannot read ${named}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  });
  if (entries === undefined) yield { path: below, kind: "cannot be read" };
  for (const entry of entries ?? []) {
    if (isUnwanted(entry.name)) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* entriesBelow(root, named, path);
    else yield { path, kind: entry.isFile() ? "file" : entry.isSymbolicLink() ? "a link" : "not a plain file" };
  }
}

/** A file's bytes, or why they are not read. */
async function contentOf(path: string): Promise<Buffer | string> {
  // What was a file when it was listed may be a link by now.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (handle === undefined) return "cannot be read";
  try {
    const found = await handle.stat();
    if (!found.isFile()) return "not a plain file";
    if (found.size > mostBytes) return `too large (${found.size} bytes)`;
    return await handle.readFile();
  } catch {
    return "cannot be read";
  } finally {
    await handle.close();
  }
}

function encoded(path: string, content: Buffer): UploadedFile {
  const text = content.toString("utf8");
  const isText = !text.includes("\0") && Buffer.from(text, "utf8").equals(content);
  return isText
    ? { path, content: text, encoding: "utf8" }
    : { path, content: content.toString("base64"), encoding: "base64" };
}
