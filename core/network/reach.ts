import { BlockList, isIP } from "node:net";

/** Addresses besides the public ones that requests to addresses of others may go to. */
export interface OpenedNetworks {
  all: boolean;
  ranges: BlockList;
}

// What IANA's registries of special-purpose addresses do not call globally reachable, and where clouds answer to whoever is
// inside of them. Of IPv6 it is the other way round: what is public is 2000::/3.
const closedV4 = listOf("ipv4", [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]);
const publicV6 = listOf("ipv6", [["2000::", 3]]);
const closedV6 = listOf("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/** Whether a request may go to an address (IPv4 or IPv6, in any notation): a public one, or one that was opened. */
export function mayReach(address: string, opened: OpenedNetworks): boolean {
  if (opened.all) return true;
  const [plain, family] = plainOf(address);
  if (family === undefined) return false;
  if (opened.ranges.check(plain, family)) return true;
  return family === "ipv4"
    ? !closedV4.check(plain, family)
    : publicV6.check(plain, family) && !closedV6.check(plain, family);
}

/**
 * Reads a comma-separated list of CIDR ranges and addresses; `*` opens everything, nothing opens nothing.
 * @returns faults: each names the entry
 */
export function readNetworks(text: string): { opened: OpenedNetworks; faults: readonly string[] } {
  const ranges = new BlockList();
  const faults: string[] = [];
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  for (const entry of entries) {
    if (entry === "*") continue;
    const [address = "", bits, ...more] = entry.split("/");
    const version = isIP(address);
    const widest = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (version === 0 || address.includes("%") || more.length > 0 || prefix < 0 || prefix > widest)
      faults.push(`${entry} is no range of addresses such as 10.20.0.0/16, fd00::/8 or 127.0.0.1, nor *`);
    else ranges.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
  }
  return { opened: { all: entries.includes("*"), ranges }, faults };
}

/** An IPv6 address that only stands for an IPv4 one (mapped, or translated by NAT64) is judged as that one. */
function plainOf(address: string): [plain: string, family: "ipv4" | "ipv6" | undefined] {
  // A zone (`fe80::1%eth0`) names an interface of this machine.
  const [bare = ""] = address.split("%");
  const version = isIP(bare);
  if (version === 0) return [bare, undefined];
  if (version === 4) return [bare, "ipv4"];
  // URLs write addresses in the one shortest form.
  const shortest = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff:|64:ff9b::)(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(shortest) ?? [];
  if (low === undefined) return [shortest, "ipv6"];
  const bits = Number.parseInt(high ?? "0", 16) * 0x1_0000 + Number.parseInt(low, 16);
  return [[24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join("."), "ipv4"];
}

function listOf(family: "ipv4" | "ipv6", ranges: readonly [string, number][]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, family);
  return list;
}
