import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/{unit,cli,mcp,simulator}/**/*.test.ts"],
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
          // One process for all files: each would otherwise load the same modules anew, some three seconds each.
          isolate: false,
          include: ["test/integration/**/*.test.ts"],
          exclude: ["test/integration/runs/**"],
          globalSetup: ["test/support/global-setup.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // Like integration, on a stack of its own: a third of all that share one.
          name: "runs",
          isolate: false,
          include: ["test/integration/runs/**/*.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // Like integration, on a stack of its own: beside it, on the other lane.
          name: "console",
          isolate: false,
          include: ["test/console/**/*.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
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
