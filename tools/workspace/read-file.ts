import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { refused, type ToolFault, type ToolOutcome } from "../outcome.ts";
import { notAFile } from "./kind.ts";
import { quoted } from "./lexical-path.ts";
import { ioFault, walkTo } from "./walk.ts";
import type { Workspace } from "./workspace.ts";

/** Bytes of text that one call returns at most. */
const mostBytesRead = 256_000;
/** Larger files are not even counted line by line. */
const largestFile = 16_000_000;
/** Bytes to make room for at least. */
const leastRoom = 4_096;

export interface ReadFileArguments {
  path: string;
  /** First line, from 1. */
  offset?: number;
  /** Lines. */
  limit?: number;
}

export interface ReadFileOutput {
  path: string;
  /** The lines with their ends, so that a whole file comes back as it is. */
  content: string;
  total_lines: number;
  /** True when there is more after what was returned. */
  truncated: boolean;
}

/** The text of a file, or of a range of its lines. */
export async function readFile(workspace: Workspace, args: ReadFileArguments): Promise<ToolOutcome<ReadFileOutput>> {
  return await walkTo(workspace, args.path, { followLinks: true }, async ({ path, found }) => {
    if (found === null) return ioFault(Object.assign(new Error(), { code: "ENOENT" }), args.path);
    const fault = notAFile(args.path, found.stats);
    if (fault !== null) return fault;
    const bytes = await readAtMost(found.path, found.stats.size, largestFile + 1);
    if (bytes.length > largestFile)
      return refused(
        "too_large",
        `${quoted(args.path)} is larger than ${largestFile} bytes: look at a part with execute_command, such as head or grep`,
      );
    const text = decode(bytes);
    return text === null ? notText(args.path) : lines(path, text, args);
  });
}

/**
 * Reads the very file the handle is of. Non-blocking, so that no surprise of the file system can hang.
 * @param expected bytes it had a moment ago: it may have grown, and files of /proc have none
 */
async function readAtMost(path: string, expected: number, most: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const chunks: Buffer[] = [];
    // One byte more than expected: a file that is as long as it was is read at once, its end seen by what is not filled.
    let room = Math.min(most, Math.max(expected + 1, leastRoom));
    for (let size = 0; size < most; room = Math.min(1 << 20, most - size)) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(room), 0, room, null);
      chunks.push(buffer.subarray(0, bytesRead));
      size += bytesRead;
      if (bytesRead < room) break;
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  } finally {
    await file.close();
  }
}

function decode(bytes: Buffer): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const notText = (path: string): ToolFault =>
  refused("not_text", `${quoted(path)} is not UTF-8 text: only text files can be read`);

function lines(path: string, text: string, { offset = 1, limit }: ReadFileArguments): ToolOutcome<ReadFileOutput> {
  const { from, to, total } = rangeOf(text, offset, limit);
  if (offset > Math.max(total, 1))
    return refused("invalid_arguments", `offset ${offset} is behind the end: the file has ${total} lines`);
  const { content, complete } = fitting(text, from, to);
  return { status: "done", output: { path, content, total_lines: total, truncated: !complete || to < text.length } };
}

/** Where the wanted lines are, and how many there are in all. No text is made of a line: a file may have millions. */
function rangeOf(text: string, offset: number, limit?: number): { from: number; to: number; total: number } {
  let total = 0;
  let from = text.length;
  let to = text.length;
  for (let start = 0; start < text.length; start = endOfLine(text, start)) {
    total += 1;
    if (total === offset) from = start;
    if (limit !== undefined && total === offset + limit) to = start;
  }
  return { from, to, total };
}

/** As many whole lines as fit; of a first line that is too long by itself, its beginning. */
function fitting(text: string, from: number, to: number): { content: string; complete: boolean } {
  const wanted = text.slice(from, to);
  if (Buffer.byteLength(wanted) <= mostBytesRead) return { content: wanted, complete: true };
  let size = 0;
  for (let start = 0; ; ) {
    const end = endOfLine(wanted, start);
    size += Buffer.byteLength(wanted.slice(start, end));
    if (size > mostBytesRead)
      return { content: start > 0 ? wanted.slice(0, start) : beginning(wanted.slice(0, end)), complete: false };
    start = end;
  }
}

/** Behind the end of the line that begins at `start`. */
function endOfLine(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end === -1 ? text.length : end + 1;
}

function beginning(line: string): string {
  // A character cut in half decodes to U+FFFD, which the streaming decoder keeps back.
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(line).subarray(0, mostBytesRead), {
    stream: true,
  });
}
