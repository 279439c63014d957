import type { Dice } from "../../demo/run/dice.ts";
import { type Member, pause, wordsOf } from "./agents.ts";
import type { Client } from "./client.ts";

const model = "mind-chaos";

/** The mind behind the runs: a call of a tool in words that no other run says, a file, and the answer. */
export async function armMind(simulatorUrl: string): Promise<boolean> {
  const turns = [
    { tool_uses: [{ name: "ledger__note", input: { text: "{{input.task}}" } }] },
    { tool_uses: [{ name: "write_file", input: { path: "note.txt", content: "{{last}}" } }] },
    { output: { result: "noted" } },
  ];
  const answer = await fetch(`${simulatorUrl}/_control/minds`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      name: model,
      roles: { caller: { turns: turns.map((one) => ({ delay_ms: 100, ...one })) } },
    }),
    signal: AbortSignal.timeout(2_000),
  });
  return answer.ok;
}

/** Starts runs one after the other, some with too small a budget, and ends those that take too long. */
export function runner(client: Client, dice: Dice, ou: string): Member {
  const words = wordsOf(client.email);
  return async (signal) => {
    while (!signal.aborted) {
      const task = `note ${words()}`;
      // What a run of three answers needs is some thousand tokens; the small budget ends it half-way.
      const tokens = dice.pick([1_500, 100_000, 100_000, 100_000]);
      const known = await client.ask({
        operation: "run.start",
        method: "POST",
        path: "/runs",
        body: { task, ou, agent: "chaos-caller", budget: { tokens, calls: 12 }, models: { caller: model } },
        ou,
        marks: { task },
      });
      const id = known.body["id"];
      if (typeof id !== "string") continue;
      if (!(await ends(client, id, dice.between(4, 120), signal)))
        await client.ask({
          operation: "run.cancel",
          method: "POST",
          path: `/runs/${id}/cancel`,
          body: {},
          ou,
          marks: { run_id: id },
        });
      await pause(dice.between(100, 600), signal);
    }
  };
}

async function ends(client: Client, id: string, looks: number, signal: AbortSignal): Promise<boolean> {
  for (let left = looks; left > 0 && !signal.aborted; left -= 1) {
    await pause(300, signal);
    const run = await client.get<{ completed_at: string | null }>(`/runs/${id}`);
    if (run === undefined || run.completed_at !== null) return true;
  }
  return false;
}
