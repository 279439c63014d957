import { readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC of open(2), as /proc shows flags (octal); equal on x64 and arm64. */
const closeOnExec = 0o2000000;

/**
 * Descriptors above standard error, in ascending order, that a program started now would inherit. Node closes its own; one that it was itself
 * started with may be anything, and a directory among them would be a way out of the sandbox.
 */
export function inheritable(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((descriptor) => descriptor > 2 && !closesOnExec(descriptor))
    .sort((a, b) => a - b);
}

function closesOnExec(descriptor: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) !== 0;
  } catch {
    // Closed already: that of the listing itself.
    return true;
  }
}
