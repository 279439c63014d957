import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";
import { flipBindings } from "./bindings.ts";
import { obeyInConversation } from "./conversation.ts";
import { obeyEverything } from "./obey.ts";
import { setAgentScene } from "./scene.ts";

/** An agent that does whatever it is told, with every tool and everything it comes across: never more than its person may. */
export async function attackByAgent(arena: Arena, effort: Effort, labels?: readonly string[]): Promise<Report> {
  const scene = await setAgentScene(arena, labels);
  try {
    const reports = [
      await flipBindings(arena, scene, effort),
      await obeyEverything(arena, scene, effort),
      await obeyInConversation(arena, scene),
    ];
    return {
      tallies: reports.flatMap(({ tallies }) => tallies),
      violations: reports.flatMap(({ violations }) => violations),
    };
  } finally {
    await scene.close();
  }
}
