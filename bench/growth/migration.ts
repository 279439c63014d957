import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Pool } from "pg";
import { applyMigrations } from "../../db/apply-migrations.ts";
import { type Finding, figure } from "../report.ts";
import { timed } from "../samples.ts";
import { appender, createAgent } from "./changes.ts";
import type { GrowthStage } from "./stage.ts";

/** Longest time that one write took, milliseconds. */
interface Stalls {
  append: number;
  create: number;
  writes: number;
}

/**
 * An online migration of large tables while writers append audit entries and create agents the whole time: the longest that
 * one of them waits during it, beside the longest without it.
 */
export async function measureMigration(stage: GrowthStage, restSeconds: number): Promise<Finding[]> {
  const rest = await whileWriting(stage, () => sleep(restSeconds * 1_000));
  let seconds = 0;
  const during = await whileWriting(stage, async () => {
    seconds = (await timed(() => applyGrowth(stage))) / 1_000;
  });
  const stall = (name: string, most: number, usual: number): Finding => ({
    name: `online migration: longest ${name}`,
    measured: `${figure(most)} ms in ${figure(seconds)} s of migration with ${during.writes} writes`,
    baseline: `without it ${figure(usual)} ms in ${restSeconds} s`,
    value: most,
    unit: "ms",
    target: { at: "most", value: 1_000 },
    facts: { rest, during },
  });
  return [stall("audit append", during.append, rest.append), stall("POST /agents", during.create, rest.create)];
}

async function whileWriting(stage: GrowthStage, body: () => Promise<unknown>): Promise<Stalls> {
  const stalls: Stalls = { append: 0, create: 0, writes: 0 };
  const { append, close } = appender(stage);
  let over = false;
  const write = async (kind: "append" | "create", once: () => Promise<unknown>, pauseMs: number) => {
    while (!over) {
      stalls[kind] = Math.max(stalls[kind], await timed(once));
      stalls.writes += 1;
      await sleep(pauseMs);
    }
  };
  const writers = Promise.all([write("append", append, 2), write("create", () => createAgent(stage), 50)]);
  try {
    await Promise.race([body(), writers]);
  } finally {
    over = true;
    try {
      await writers;
    } finally {
      await close();
    }
  }
  return stalls;
}

/** The product's migrations, which are there, and one more. */
async function applyGrowth({ stack }: GrowthStage): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "powerloom-growth-migrations-"));
  // As the product's own are: indexes of the audit table belong to its owner.
  const pool = new Pool({ connectionString: stack.adminUrl ?? "", max: 3 });
  try {
    await cp(new URL("../../db/migrations/", import.meta.url), folder, { recursive: true });
    await cp(new URL("./migration/", import.meta.url), folder, { recursive: true });
    const applied = await applyMigrations(pool, pathToFileURL(`${folder}/`));
    if (applied.join() !== "9999-growth.online") throw new Error(`applied: ${applied.join(", ")}`);
  } finally {
    await pool.end();
    await rm(folder, { recursive: true, force: true });
  }
}
