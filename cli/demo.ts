import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Command } from "commander";
import { runDemo } from "../demo/story.ts";
import { startLocalStack } from "../stack/local-stack.ts";
import { exitWhenParentGoes } from "../stack/parent.ts";
import { resetState } from "../stack/state-directory.ts";
import { type Shell, wantsColor } from "./shell.ts";

/** `powerloom demo [prompt]`: the main job on the real stack, told step by step; stops by itself. */
export function configure(command: Command, shell: Shell): void {
  command
    .argument("[prompt...]", "say this to the meta-agent instead of the whole story")
    .option("--keep", "leave everything running at the end, until Ctrl-C")
    .action(async (words: string[], options: { keep?: boolean }) => {
      exitWhenParentGoes();
      process.channel?.unref();
      const directory = // Beside the state of `up`, never in it: the demo starts on fresh data and removes what is there.
        resolve(`${shell.env["POWERLOOM_HOME"] || ".powerloom"}-demo`);
      const write = (line: string) => void shell.stdout.write(`${line}\n`);
      const verbose = Boolean(shell.env["POWERLOOM_DEMO_LOG"]);
      const started = Date.now();
      write(
        "Powerloom demo: PostgreSQL, Temporal, API, worker, MCP server and a stand-in for the Anthropic API, all real, all local.",
      );
      await resetState(directory);
      const stack = await startLocalStack({
        stateDirectory: directory,
        environment: shell.env as NodeJS.ProcessEnv,
        mode: "dev",
        anyPorts: true,
        color: wantsColor(shell),
        log: (line) => {
          // Building Temporal takes minutes the first time: that must be seen.
          if (verbose || /^powerloom\b.*temporal/i.test(stripVTControlCharacters(line))) write(`  ${line}`);
        },
      });
      try {
        write(`Everything is up after ${((Date.now() - started) / 1000).toFixed(1)} s.`);
        await runDemo({
          stack,
          stateDirectory: directory,
          prompt: words.join(" "),
          write,
          color: wantsColor(shell),
          env: shell.env,
        });
        if (options.keep === true) {
          write("Running until Ctrl-C.");
          await new Promise<void>((done) => process.once("SIGINT", () => done()).once("SIGTERM", () => done()));
        }
      } finally {
        await stack.stop();
      }
      write(`Stopped; nothing is left running. Took ${((Date.now() - started) / 1000).toFixed(1)} s.`);
    });
}
