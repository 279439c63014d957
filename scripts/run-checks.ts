import { spawn } from "node:child_process";

/** Runs what looks at the sources without running them, side by side: what each says is printed when it ends. */
const checks = ["lint", "typecheck", "deadcode"];

const codes = await Promise.all(
  checks.map(
    (name) =>
      new Promise<number>((resolve) => {
        const child = spawn("npm", ["run", name], { stdio: ["ignore", "pipe", "pipe"] });
        const said: Buffer[] = [];
        for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk));
        child.on("error", (error) => said.push(Buffer.from(`${error.message}\n`)));
        child.on("close", (code) => {
          process.stdout.write(Buffer.concat(said));
          resolve(code ?? 1);
        });
      }),
  ),
);
for (const [index, code] of codes.entries())
  if (code !== 0) console.error(`${checks[index]}: failed (exit code ${code})`);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
