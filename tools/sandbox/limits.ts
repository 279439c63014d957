/** What one command may use. Bytes and seconds. */
export interface SandboxLimits {
  /** Clock time when the call names none. */
  wallSeconds: number;
  /** Processor time of all processes together. */
  cpuSeconds: number;
  /** Memory of all processes together: sampled, so for a moment it can be more. */
  memoryBytes: number;
  /** Processes and threads. */
  processes: number;
  /** Each file written. */
  fileBytes: number;
  /** Written to disk altogether. */
  diskBytes: number;
  /** /tmp, in memory. */
  temporaryBytes: number;
  /** Kept of standard output and of standard error, each. */
  outputBytes: number;
  /** Read of both before the command is stopped: a command that never ends talking costs the worker time. */
  talkBytes: number;
}

export const defaultLimits: SandboxLimits = {
  wallSeconds: 60,
  cpuSeconds: 300,
  memoryBytes: 1 << 30,
  processes: 256,
  fileBytes: 256 << 20,
  diskBytes: 1 << 30,
  temporaryBytes: 256 << 20,
  outputBytes: 256_000,
  talkBytes: 64 << 20,
};

/** The longest that a call may ask for. */
export const longestSeconds = 300;

/**
 * Limits that the kernel holds for each process, in prlimit's words. RLIMIT_AS would stop Node from starting; even
 * RLIMIT_DATA counts the 0.5 GB that V8 reserves for the code of each isolate, so it is only the backstop of the sampled
 * limit: wide enough for some twelve worker threads.
 */
export function prlimitArguments(limits: SandboxLimits): string[] {
  return [
    `--nproc=${limits.processes}`,
    `--data=${limits.memoryBytes + 2 ** 33}`,
    `--fsize=${limits.fileBytes}`,
    `--cpu=${limits.cpuSeconds}`,
    "--nofile=1024",
    "--core=0",
  ];
}
