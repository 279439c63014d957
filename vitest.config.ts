import { defineConfig } from "vitest/config";

/** One real stack for all files of a project, one after the other. */
const onOneStack = {
  // One process: each file would otherwise load the same modules anew, some three seconds each.
  isolate: false,
  globalSetup: ["test/support/global-setup.ts"],
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

/** What is done through agents: sessions, conversations, tools. */
const withAgents = ["sessions", "conversations", "mcp"].map((folder) => `test/integration/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/{unit,cli,mcp,simulator}/**/*.test.ts"],
          // A process for each core instead of one for each file, which loads the same modules anew.
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: "stack",
          include: ["test/stack/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          // A first run on a machine without the Temporal CLI may have to build it.
          hookTimeout: 20 * 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: ["test/integration/runs/**", ...withAgents],
          ...onOneStack,
        },
      },
      {
        extends: true,
        test: {
          // Like integration, on a stack of its own: a third of it, beside it.
          name: "sessions",
          include: withAgents,
          ...onOneStack,
        },
      },
      {
        extends: true,
        test: {
          // Like integration, on a stack of its own.
          name: "runs",
          include: ["test/integration/runs/**/*.test.ts"],
          ...onOneStack,
        },
      },
      {
        extends: true,
        test: {
          // Like integration, on a stack of its own.
          name: "console",
          include: ["test/console/**/*.test.ts"],
          ...onOneStack,
        },
      },
      {
        extends: true,
        test: {
          name: "durability",
          include: ["test/durability/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          // Not part of `npm test`: `npm run test:long`.
          name: "long",
          include: ["test/long/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
