import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../fleet/agents.ts";
import type { FaultOptions } from "./provider.ts";

/** A small disk of its own for the data of PostgreSQL, Temporal and the stand-in, and the workspaces of runs. */
export interface SmallDisk {
  folder: string;
  /** Fills it to the last byte; the function it gives makes room again. */
  fill(): () => void;
  unmount(): void;
}

const megabytes = 2_048;

/** Mounts a size-limited tmpfs. @returns why it is not possible here, in a sentence, when it is not */
export function mountSmallDisk(folder: string): SmallDisk | string {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0755`, "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    const said = error instanceof Error ? error.message.split("\n").slice(-2).join(" ").trim() : String(error);
    return `a full disk cannot be tried here: mounting a tmpfs needs root on Linux (${said})`;
  }
  const ballast = join(folder, "ballast");
  return {
    folder,
    fill() {
      const { bavail, bsize } = statfsSync(folder);
      try {
        execFileSync("fallocate", ["-l", String(bavail * bsize), ballast], { stdio: "pipe" });
      } catch {
        // Somebody wrote in between: as full as it gets.
      }
      try {
        writeFileSync(`${ballast}.rest`, Buffer.alloc(1024 * 1024));
      } catch {
        // Full.
      }
      return () => {
        for (const file of [ballast, `${ballast}.rest`]) rmSync(file, { force: true });
      };
    },
    unmount() {
      execFileSync("umount", [folder], { stdio: "pipe" });
    },
  };
}

/** Fills the disk for a moment now and then. */
export async function fillDisk(disk: SmallDisk, { dice, onFault }: FaultOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(dice.between(15_000, 30_000), signal);
    if (signal.aborted) return;
    const makeRoom = disk.fill();
    onFault("full disk");
    await pause(dice.between(1_000, 4_000), signal);
    makeRoom();
  }
}
