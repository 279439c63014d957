import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { z } from "zod";
import { ChainVerifier } from "../core/audit/chain.ts";
import { type Checkpoint, whatStaysUnseen } from "../core/audit/checkpoint.ts";
import { usageFailure } from "./failure.ts";
import { linesOf } from "./lines.ts";

/** What a check of the chain says, offline or by the API. */
export interface Verdict {
  intact: boolean;
  entries: number;
  position: number | null;
  reason: string | null;
  head: string | null;
  /** Of an intact chain: what the check could not have shown. */
  unseen: string | null;
}

const entryLine = z.object({
  organisation: z.string(),
  position: z.int(),
  at: z.string(),
  body: z.string(),
  previous: z.string(),
  hash: z.string(),
  differing: z.array(z.string()).optional(),
});
const headLine = z.object({ head: z.object({ position: z.int(), hash: z.string() }) });

/**
 * Checks an export without any server.
 * @param checkpoint an entry noted elsewhere, that the export must hold
 */
export async function verifyFile(source: string | Readable, checkpoint?: Checkpoint): Promise<Verdict> {
  const chain = new ChainVerifier(checkpoint);
  let head: { position: number; hash: string } | undefined;
  let unreadable: string | undefined;
  for await (const line of readable(source)) {
    if (line.trim() === "") continue;
    if (head !== undefined) unreadable = "there is something after the head";
    const read = unreadable === undefined ? parse(line) : undefined;
    if (read === undefined) {
      unreadable ??= "the line is neither an audit entry nor the head";
      break;
    }
    if ("head" in read) head = read.head;
    else if (!chain.add(read)) break;
  }

  const result = chain.finish(unreadable === undefined ? head : undefined);
  const { entries } = result;
  if (!result.intact)
    return { intact: false, entries, position: result.position, reason: result.reason, head: null, unseen: null };
  if (unreadable !== undefined)
    return { intact: false, entries, position: entries + 1, reason: unreadable, head: null, unseen: null };
  const unseen = whatStaysUnseen(entries, checkpoint);
  const headless = "There is no head in this file: a tail that was cut off would not show.";
  return {
    intact: true,
    entries,
    position: null,
    reason: null,
    head: result.head,
    unseen: head === undefined ? [headless, unseen].filter((part) => part !== null).join(" ") : unseen,
  };
}

function parse(line: string): z.infer<typeof entryLine> | z.infer<typeof headLine> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const head = headLine.safeParse(value);
  if (head.success) return head.data;
  const entry = entryLine.safeParse(value);
  return entry.success ? entry.data : undefined;
}

async function* readable(source: string | Readable): AsyncGenerator<string> {
  try {
    yield* linesOf(typeof source === "string" ? createReadStream(source) : source);
  } catch (error) {
    throw usageFailure(`cannot read the export: ${error instanceof Error ? error.message : String(error)}`);
  }
}
