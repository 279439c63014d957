import { fileURLToPath } from "node:url";
import { createSupervisor } from "../../../stack/supervisor.ts";

/**
 * Supervises one part that watches its parent and one that does not and has a child of its own, says the three pids in
 * one JSON line, and waits.
 */
const grandchild = Promise.withResolvers<number>();
const supervisor = createSupervisor({
  log(line) {
    const said = /^foreign .* (\d+)$/.exec(line);
    if (said) grandchild.resolve(Number(said[1]));
  },
  color: false,
});
const linked = fileURLToPath(new URL("./linked-part.ts", import.meta.url));
await supervisor.start({ name: "linked", command: process.execPath, args: [linked], watchesParent: true });
await supervisor.start({ name: "foreign", command: "/bin/sh", args: ["-c", "sleep 300 & echo $!; wait"] });
const pids = ["linked", "foreign"].map((name) => {
  const state = supervisor.state(name);
  return state?.status === "running" ? state.pid : undefined;
});
process.stdout.write(`${JSON.stringify([...pids, await grandchild.promise])}\n`);
