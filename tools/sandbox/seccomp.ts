/**
 * A seccomp filter (classic BPF, as bwrap's --seccomp takes it) against what namespaces and rlimits leave open: nested
 * namespaces and mounts, reaching into other processes, kernel interfaces with a history of escapes, memory that no
 * limit counts (memfd, System V), disk space that no counter shows (fallocate), and address families that network
 * namespaces do not separate (AF_VSOCK reaches a virtual machine's host).
 */

export type SandboxArch = "x64" | "arm64";

/** errno values of Linux, equal on both. */
export const errno = { EPERM: 1, ENOSYS: 38, EOPNOTSUPP: 95, EAFNOSUPPORT: 97 } as const;

/** AUDIT_ARCH_* of linux/audit.h. */
const auditArch: Record<SandboxArch, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Numbers from the kernel's syscall tables: [x64, arm64] and what the caller gets to see. */
export const deniedCalls: Record<string, { x64: number; arm64: number; error: number }> = {
  ptrace: { x64: 101, arm64: 117, error: errno.EPERM },
  process_vm_readv: { x64: 310, arm64: 270, error: errno.EPERM },
  process_vm_writev: { x64: 311, arm64: 271, error: errno.EPERM },
  pidfd_getfd: { x64: 438, arm64: 438, error: errno.EPERM },
  mount: { x64: 165, arm64: 40, error: errno.EPERM },
  umount2: { x64: 166, arm64: 39, error: errno.EPERM },
  pivot_root: { x64: 155, arm64: 41, error: errno.EPERM },
  chroot: { x64: 161, arm64: 51, error: errno.EPERM },
  open_tree: { x64: 428, arm64: 428, error: errno.EPERM },
  move_mount: { x64: 429, arm64: 429, error: errno.EPERM },
  fsopen: { x64: 430, arm64: 430, error: errno.EPERM },
  fsconfig: { x64: 431, arm64: 431, error: errno.EPERM },
  fsmount: { x64: 432, arm64: 432, error: errno.EPERM },
  fspick: { x64: 433, arm64: 433, error: errno.EPERM },
  mount_setattr: { x64: 442, arm64: 442, error: errno.EPERM },
  setns: { x64: 308, arm64: 268, error: errno.EPERM },
  unshare: { x64: 272, arm64: 97, error: errno.EPERM },
  // Its flags are behind a pointer, which a filter cannot follow; libraries fall back to clone.
  clone3: { x64: 435, arm64: 435, error: errno.ENOSYS },
  memfd_create: { x64: 319, arm64: 279, error: errno.ENOSYS },
  memfd_secret: { x64: 447, arm64: 447, error: errno.ENOSYS },
  shmget: { x64: 29, arm64: 194, error: errno.ENOSYS },
  fallocate: { x64: 285, arm64: 47, error: errno.EOPNOTSUPP },
  add_key: { x64: 248, arm64: 217, error: errno.EPERM },
  request_key: { x64: 249, arm64: 218, error: errno.EPERM },
  keyctl: { x64: 250, arm64: 219, error: errno.EPERM },
  bpf: { x64: 321, arm64: 280, error: errno.EPERM },
  perf_event_open: { x64: 298, arm64: 241, error: errno.EPERM },
  userfaultfd: { x64: 323, arm64: 282, error: errno.EPERM },
  io_uring_setup: { x64: 425, arm64: 425, error: errno.ENOSYS },
  io_uring_enter: { x64: 426, arm64: 426, error: errno.ENOSYS },
  io_uring_register: { x64: 427, arm64: 427, error: errno.ENOSYS },
  kexec_load: { x64: 246, arm64: 104, error: errno.EPERM },
  kexec_file_load: { x64: 320, arm64: 294, error: errno.EPERM },
  init_module: { x64: 175, arm64: 105, error: errno.EPERM },
  finit_module: { x64: 313, arm64: 273, error: errno.EPERM },
  delete_module: { x64: 176, arm64: 106, error: errno.EPERM },
  reboot: { x64: 169, arm64: 142, error: errno.EPERM },
  swapon: { x64: 167, arm64: 224, error: errno.EPERM },
  swapoff: { x64: 168, arm64: 225, error: errno.EPERM },
  acct: { x64: 163, arm64: 89, error: errno.EPERM },
  syslog: { x64: 103, arm64: 116, error: errno.EPERM },
  quotactl: { x64: 179, arm64: 60, error: errno.EPERM },
  name_to_handle_at: { x64: 303, arm64: 264, error: errno.EPERM },
  open_by_handle_at: { x64: 304, arm64: 265, error: errno.EPERM },
};

export const clone = { x64: 56, arm64: 220 } as const;
export const socket = { x64: 41, arm64: 198 } as const;
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET. */
const newNamespaces = 0x7e020000;
/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (which lists the interfaces of this network namespace). */
const allowedFamilies = [1, 2, 10, 16];

const load = (offset: number) => instruction(0x20, 0, 0, offset);
const jumpIfEqual = (value: number, yes: number, no: number) => instruction(0x15, yes, no, value);
const jumpIfAtLeast = (value: number, yes: number, no: number) => instruction(0x35, yes, no, value);
const jumpIfAnyBit = (value: number, yes: number, no: number) => instruction(0x45, yes, no, value);
const answer = (error: number) => instruction(0x06, 0, 0, 0x0005_0000 | error);
const allow = instruction(0x06, 0, 0, 0x7fff_0000);

/** Offsets in struct seccomp_data; of an argument the low half (both CPUs are little-endian). */
const at = { number: 0, arch: 4, firstArgument: 16 };

export function seccompFilter(arch: SandboxArch): Buffer {
  return Buffer.concat([
    load(at.arch),
    jumpIfEqual(auditArch[arch], 1, 0),
    // Another ABI of the same CPU (32 bits) has other numbers: none of its calls exist here.
    answer(errno.ENOSYS),
    load(at.number),
    ...(arch === "x64" ? [jumpIfAtLeast(0x4000_0000, 0, 1), answer(errno.ENOSYS)] : []),
    ...Object.values(deniedCalls).flatMap((call) => [jumpIfEqual(call[arch], 0, 1), answer(call.error)]),
    jumpIfEqual(clone[arch], 0, 4),
    load(at.firstArgument),
    jumpIfAnyBit(newNamespaces, 0, 1),
    answer(errno.EPERM),
    allow,
    jumpIfEqual(socket[arch], 0, 2 + allowedFamilies.length),
    load(at.firstArgument),
    ...allowedFamilies.map((family, index) => jumpIfEqual(family, allowedFamilies.length - index, 0)),
    answer(errno.EAFNOSUPPORT),
    allow,
  ]);
}

/** struct sock_filter. */
function instruction(code: number, yes: number, no: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(yes, 2);
  bytes.writeUInt8(no, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}
