import { accessSync, constants, statfsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";

const inMemory = "/dev/shm";
const enough = 4 * 2 ** 30;

/**
 * A folder for a stack that nothing is asked of after its end: in memory, where there is plenty, since nobody needs to wait
 * for a disk then.
 */
export function stateFolder(): Promise<string> {
  return mkdtemp(join(hasRoom() ? inMemory : tmpdir(), "powerloom-test-"));
}

function hasRoom(): boolean {
  try {
    accessSync(inMemory, constants.W_OK);
    const { bavail, bsize } = statfsSync(inMemory);
    return bavail * bsize > enough && freemem() > enough;
  } catch {
    return false;
  }
}
