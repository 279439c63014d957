import { canonicalJson, sha256Hex } from "../canonical.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** Hash that the first entry of a chain refers to. */
export const genesisHash = "0".repeat(64);

/** Version of the hashed form. A change of the form is a new version, never an edit. */
const chainVersion = 1;

/** One audit entry as exported: `body` is the canonical JSON that was hashed, byte for byte. */
export interface ChainEntry {
  organisation: string;
  position: number;
  at: string;
  body: string;
  previous: string;
  hash: string;
  /** Columns of the entry's row that say something else than what was hashed; absent when there are none. */
  differing?: readonly string[] | undefined;
}

export type ChainVerdict =
  | { intact: true; entries: number; head: string }
  | { intact: false; position: number; reason: string; entries: number };

/** RFC 8785 form of an entry: the keys are already in canonical order, the body is canonical by itself. */
function hashedForm(entry: Omit<ChainEntry, "hash" | "differing">): string {
  return (
    `{"at":${JSON.stringify(entry.at)},"body":${entry.body},"organisation":${JSON.stringify(entry.organisation)},` +
    `"position":${entry.position},"previous":${JSON.stringify(entry.previous)},"v":${chainVersion}}`
  );
}

/** SHA-256 of an entry's canonical form. */
export function hashEntry(entry: Omit<ChainEntry, "hash" | "differing">): string {
  return sha256Hex(hashedForm(entry));
}

/**
 * Checks a chain entry by entry, starting at position 1, and names the first broken position.
 * A chain alone cannot show a tail that was rewritten and re-hashed, or cut off together with its head: pass a checkpoint
 * noted elsewhere to see it.
 */
export class ChainVerifier {
  private expected = 1;
  private previous = genesisHash;
  private organisation: string | undefined;
  private broken: { position: number; reason: string } | undefined;
  private readonly checkpoint: Checkpoint | undefined;

  constructor(checkpoint?: Checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** Takes the next entry. Returns false once the chain is broken. */
  add(entry: ChainEntry): boolean {
    if (this.broken !== undefined) return false;
    this.organisation ??= entry.organisation;
    const reason = this.fault(entry);
    if (reason !== undefined) {
      this.broken = { position: Math.min(entry.position, this.expected), reason };
      return false;
    }
    this.previous = entry.hash;
    this.expected += 1;
    return true;
  }

  /** The verdict over all entries added; `head`, when known from elsewhere, must be the last one. */
  finish(head?: { position: number; hash: string }): ChainVerdict {
    const entries = this.expected - 1;
    if (this.broken !== undefined) return { intact: false, ...this.broken, entries };
    if (this.checkpoint !== undefined && this.checkpoint.position > entries)
      return {
        intact: false,
        position: entries + 1,
        reason: `the chain has ${entries} entries, the checkpoint names the one at ${this.checkpoint.position}: its end was cut off`,
        entries,
      };
    if (head !== undefined && head.position !== entries)
      return {
        intact: false,
        position: Math.min(head.position, entries) + 1,
        reason: `the chain has ${entries} entries, its head says ${head.position}`,
        entries,
      };
    if (head !== undefined && head.hash !== this.previous)
      return { intact: false, position: entries, reason: "the last entry is not the one the head names", entries };
    return { intact: true, entries, head: this.previous };
  }

  private fault(entry: ChainEntry): string | undefined {
    if (entry.position !== this.expected)
      return `expected position ${this.expected}, found ${entry.position}: an entry is missing, repeated or moved`;
    if (entry.organisation !== this.organisation) return "the entry belongs to another organisation";
    if (entry.previous !== this.previous) return "the entry does not refer to the one before it";
    if (!isCanonical(entry.body)) return "the body is not canonical JSON";
    if (hashEntry(entry) !== entry.hash) return "the entry's content does not match its hash";
    if (entry.differing !== undefined && entry.differing.length > 0)
      return `what the entry is found by says something else than what was hashed: ${entry.differing.join(", ")}`;
    if (entry.position === this.checkpoint?.position && entry.hash !== this.checkpoint.hash)
      return "the entry is not the one the checkpoint names: it, or one before it, was written anew";
    return undefined;
  }
}

function isCanonical(body: string): boolean {
  try {
    return canonicalJson(JSON.parse(body)) === body;
  } catch {
    return false;
  }
}
