import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { faultsOfInstalled, faultsOfLock, type Lock, type Manifest } from "./supply-chain/lock.ts";

/**
 * `npm run supply-chain [-- --sbom FILE]`: the lock file against its rules, what is installed against the lock file, known
 * vulnerabilities where the registry tells of them, and the bill of materials (CycloneDX) of what is shipped.
 */

const root = new URL("../", import.meta.url);
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), "utf8"));
const lock = read("package-lock.json") as Lock;
const faults = [
  ...faultsOfLock(lock, read("package.json") as Manifest),
  ...faultsOfInstalled(lock, read("node_modules/.package-lock.json") as Lock),
];

function npm(...args: string[]): unknown {
  const { stdout, stderr } = spawnSync("npm", args, { cwd: root, encoding: "utf8", maxBuffer: 100_000_000 });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`npm ${args.join(" ")} did not answer with JSON: ${stderr.trim().split("\n").at(-1) ?? ""}`);
  }
}

const packages = Object.entries(lock.packages).filter(([path, { link }]) => path.includes("node_modules/") && !link);
console.log(
  `${packages.length} packages locked, ${packages.filter(([, { dev }]) => dev !== true).length} of them shipped`,
);

const audit = npm("audit", "--json") as {
  message?: string;
  vulnerabilities?: Record<string, { severity: string; via: (string | { title: string; url: string })[] }>;
};
if (audit.vulnerabilities === undefined)
  console.log(
    `known vulnerabilities: not looked up, the registry in use offers no advisories (${(audit.message ?? "no reason given").replaceAll(/https?:\/\/\S+/g, "…")}); the lock file was checked offline`,
  );
else {
  for (const [name, { severity, via }] of Object.entries(audit.vulnerabilities))
    faults.push(
      `${name}: ${severity}: ${via.map((one) => (typeof one === "string" ? one : `${one.title} (${one.url})`)).join("; ")}`,
    );
  console.log(`known vulnerabilities: ${Object.keys(audit.vulnerabilities).length}`);
}

const bill = npm("sbom", "--sbom-format", "cyclonedx", "--omit", "dev") as { components: unknown[] };
const at = process.argv.indexOf("--sbom");
const file = at < 0 ? undefined : process.argv[at + 1];
if (file !== undefined) writeFileSync(file, `${JSON.stringify(bill, null, 1)}\n`);
console.log(
  `bill of materials: ${bill.components.length} components${file === undefined ? "" : `, written to ${file}`}`,
);

for (const fault of faults) console.error(fault);
console.log(faults.length === 0 ? "nothing is wrong" : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
