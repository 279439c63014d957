/** An entry of a chain as it was noted outside the database: what stands up to there cannot be written anew unseen. */
export interface Checkpoint {
  position: number;
  hash: string;
}

/** `<position>:<hash>`. */
export const checkpointPattern = /^([1-9]\d{0,14}):([0-9a-f]{64})$/;

/** Reads `<position>:<hash>`; undefined when it is something else. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const [, position, hash] = checkpointPattern.exec(text) ?? [];
  return position === undefined || hash === undefined ? undefined : { position: Number(position), hash };
}

/**
 * What the check of an intact chain could not have shown, in words: a chain is hashed by whoever writes it, and whoever may
 * change the database can hash it anew.
 * @param checkpoint the one it was compared with, if any
 * @returns null when every entry is covered by the checkpoint
 */
export function whatStaysUnseen(entries: number, checkpoint: Checkpoint | undefined): string | null {
  if (checkpoint !== undefined && checkpoint.position >= entries) return null;
  const [compared, which] =
    checkpoint === undefined
      ? ["with itself alone", "entries"]
      : [`with the checkpoint at ${checkpoint.position}`, `entries after ${checkpoint.position}`];
  return (
    `The chain was compared ${compared}: ${which} that the ` +
    "owner of the database has rewritten and hashed anew, added, or cut off together with the head would not show. " +
    "Note a checkpoint outside the database (powerloom audit checkpoint), and compare with it later " +
    "(powerloom audit verify --checkpoint <position>:<hash>)."
  );
}
