import { z } from "zod";

const httpUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .refine((text) => !URL.canParse(text) || (new URL(text).username === "" && new URL(text).hash === ""), {
    error: "must not carry credentials or a fragment",
  })
  // As the API reads them: one slash too many would be another audience, and another issuer.
  .transform((text) => text.replace(/\/+$/, ""));

const port = z.coerce
  .number({ error: "must be a number" })
  .int({ error: "must be a whole number" })
  .min(0, { error: "must be at least 0" })
  .max(65_535, { error: "must be at most 65535" });

const environment = z
  .object({
    POWERLOOM_MCP_PORT: port.default(4020),
    POWERLOOM_MCP_HOST: z.string().default("127.0.0.1"),
    POWERLOOM_MCP_PUBLIC_URL: httpUrl.optional(),
    POWERLOOM_MCP_RUNS_PUBLIC_URL: httpUrl.optional(),
    POWERLOOM_API_URL: z.string({ error: "is required: where the REST API is" }).pipe(httpUrl),
    POWERLOOM_API_INTERNAL_URL: httpUrl.optional(),
    POWERLOOM_MCP_CLIENT_SECRET: z.string({
      error: "is required: the secret with which `powerloom_meta` authenticates itself at the API",
    }),
    POWERLOOM_LOG_LEVEL: z
      .enum(["trace", "debug", "info", "warn", "error", "silent"], {
        error: "must be trace, debug, info, warn, error or silent",
      })
      .default("info"),
  })
  .transform((read) => ({
    port: read.POWERLOOM_MCP_PORT,
    host: read.POWERLOOM_MCP_HOST,
    publicUrl: read.POWERLOOM_MCP_PUBLIC_URL,
    runsPublicUrl: read.POWERLOOM_MCP_RUNS_PUBLIC_URL,
    apiUrl: read.POWERLOOM_API_URL,
    apiInternalUrl: read.POWERLOOM_API_INTERNAL_URL,
    clientSecret: read.POWERLOOM_MCP_CLIENT_SECRET,
    logLevel: read.POWERLOOM_LOG_LEVEL,
  }));

/** The settings of the MCP servers. Without `publicUrl` it is `http://<host>:<port>/mcp`, without the other `runs/mcp` beside it. */
export type McpServerConfig = z.infer<typeof environment>;

/** Reads the settings, or says in one sentence each what is wrong with them. An empty variable counts as absent. */
export function readConfig(
  variables: Record<string, string | undefined>,
): { ok: true; config: McpServerConfig } | { ok: false; faults: string[] } {
  const present = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = environment.safeParse(present);
  if (parsed.success) return { ok: true, config: parsed.data };
  // The value itself is not repeated: it may be a secret that slipped into the wrong variable.
  return { ok: false, faults: parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}.`) };
}
