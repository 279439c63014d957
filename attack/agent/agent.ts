import type { Arena } from "../arena.ts";
import { faultsAtProvider, readProvider } from "../provider.ts";
import type { Effort, Report } from "../report.ts";
import { flipBindings } from "./bindings.ts";
import { obeyInConversation } from "./conversation.ts";
import { obeyEverything } from "./obey.ts";
import { setAgentScene } from "./scene.ts";

/** An agent that does whatever it is told, with every tool and everything it comes across: never more than its person may. */
export async function attackByAgent(arena: Arena, effort: Effort, labels?: readonly string[]): Promise<Report> {
  const scene = await setAgentScene(arena, labels);
  try {
    const home = scene.home.organisationId;
    const organisationIds = [home, scene.foreign.organisationId];
    const before = await readProvider(arena, scene.sql, organisationIds);
    const reports = [
      await flipBindings(arena, scene, effort),
      await obeyEverything(arena, scene, effort),
      await obeyInConversation(arena, scene),
    ];
    const after = await readProvider(arena, scene.sql, organisationIds);
    const { changed, faults } = await faultsAtProvider(scene.sql, { before, after, home });
    const compared = {
      what: "things at the provider, before and after all of that, held against the rows that were judged",
      tried: after.size,
      outcome: `changed with their rows ${changed - faults.length}, beside them ${faults.length}`,
    };
    return {
      tallies: [...reports.flatMap(({ tallies }) => tallies), compared],
      violations: [...reports.flatMap(({ violations }) => violations), ...faults],
    };
  } finally {
    await scene.close();
  }
}
