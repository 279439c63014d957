import { describe, expect, test } from "vitest";
import { clone, deniedCalls, errno, type SandboxArch, seccompFilter, socket } from "../../../tools/sandbox/seccomp.ts";

const auditArch = { x64: 0xc000003e, arm64: 0xc00000b7 };
const allowed = "allowed";

/** What the kernel would answer: the few instructions of classic BPF that the filter uses. */
function answer(arch: SandboxArch, call: { number: number; arch?: number; argument?: number }): string | number {
  const program = seccompFilter(arch);
  const data = new Map([
    [0, call.number],
    [4, call.arch ?? auditArch[arch]],
    [16, call.argument ?? 0],
  ]);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const [code, yes, no, value] = [
      program.readUInt16LE(at * 8),
      program.readUInt8(at * 8 + 2),
      program.readUInt8(at * 8 + 3),
      program.readUInt32LE(at * 8 + 4),
    ];
    if (code === 0x20) accumulator = data.get(value) ?? 0;
    else if (code === 0x15) at += accumulator === value ? yes : no;
    else if (code === 0x35) at += accumulator >= value ? yes : no;
    else if (code === 0x45) at += (accumulator & value) === 0 ? no : yes;
    else if (code === 0x06) return value === 0x7fff0000 ? allowed : value & 0xffff;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error("the program ends without an answer");
}

describe.each<SandboxArch>(["x64", "arm64"])("the system call filter of %s", (arch) => {
  test.each(Object.entries(deniedCalls))("refuses %s", (_, call) => {
    expect(answer(arch, { number: call[arch] })).toBe(call.error);
  });

  test("lets all other calls through", () => {
    const denied = new Set(Object.values(deniedCalls).map((call) => call[arch]));
    for (let number = 0; number < 470; number += 1)
      if (!denied.has(number) && number !== socket[arch])
        expect([number, answer(arch, { number })]).toEqual([number, allowed]);
  });

  test.each([0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])(
    "refuses to clone into a new namespace (%i)",
    (flag) => {
      expect(answer(arch, { number: clone[arch], argument: flag | 17 })).toBe(errno.EPERM);
    },
  );

  test("lets processes and threads be made", () => {
    // SIGCHLD; what the C library asks for a thread.
    for (const argument of [17, 0x003d0f00]) expect(answer(arch, { number: clone[arch], argument })).toBe(allowed);
  });

  test.each([
    [1, allowed],
    [2, allowed],
    [10, allowed],
    [16, allowed],
    [17, errno.EAFNOSUPPORT],
    [38, errno.EAFNOSUPPORT],
    [40, errno.EAFNOSUPPORT],
  ])("to a socket of family %i answers %s", (argument, expected) => {
    expect(answer(arch, { number: socket[arch], argument })).toBe(expected);
  });

  test("knows no calls of another ABI", () => {
    expect(answer(arch, { number: 0, arch: 0x40000003 })).toBe(errno.ENOSYS);
    if (arch === "x64") expect(answer(arch, { number: 0x40000000 })).toBe(errno.ENOSYS);
  });
});
