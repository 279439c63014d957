import { z } from "zod";
import { type ModelFallback, readModelFallbacks } from "./contracts/model-fallbacks.ts";
import { PowerloomError } from "./core/errors.ts";
import { type OpenedNetworks, readNetworks } from "./core/network/reach.ts";

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));
const key = z
  .string()
  .transform((text) => Buffer.from(text, "base64url"))
  .refine((bytes) => bytes.length === 32, "must be 32 bytes in base64url (openssl rand -base64 32 | tr '+/' '-_')");

// Spans are sent as JSON, which every receiver of the binary form over HTTP takes as well.
const otlpProtocol = z.enum(["http/json", "http/protobuf"], "only OTLP over HTTP is spoken, not gRPC").optional();

const schema = z.object({
  POWERLOOM_MODE: z.enum(["dev", "production"]).default("production"),
  POWERLOOM_ENVIRONMENT: z.string().min(1).max(40).optional(),
  POWERLOOM_HOST: z.string().default("127.0.0.1"),
  POWERLOOM_API_PORT: port(4000),
  POWERLOOM_API_URL: url.optional(),
  POWERLOOM_API_INTERNAL_URL: url.optional(),
  POWERLOOM_WORKER_PORT: port(4030),
  POWERLOOM_MCP_PUBLIC_URL: url.default("http://127.0.0.1:4020/mcp"),
  POWERLOOM_MCP_RUNS_PUBLIC_URL: url.optional(),
  POWERLOOM_MCP_CLIENT_SECRET: z.string().min(16, "must have at least 16 characters"),
  POWERLOOM_SEALING_KEY: key,
  POWERLOOM_SWEEP_SECONDS: z.coerce.number().int().min(1).max(3600).default(60),
  POWERLOOM_COMPARE_SECONDS: z.coerce.number().int().min(1).max(86_400).default(900),
  POWERLOOM_AGENTS_DIR: z.string().optional(),
  POWERLOOM_WORKSPACES_DIR: z.string().optional(),
  POWERLOOM_CONSOLE_DIR: z.string().optional(),
  POWERLOOM_TRUSTED_PROXIES: z.string().default(""),
  POWERLOOM_RATE_LIMIT: z.coerce.number().int().min(1).default(600),
  POWERLOOM_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL"),
  ISSUER_DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")
    .optional(),
  TEMPORAL_ADDRESS: z.string().default("127.0.0.1:7233"),
  TEMPORAL_NAMESPACE: z.string().default("powerloom"),
  POWERLOOM_TEMPORAL_UI_URL: url.optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  ANTHROPIC_BASE_URL: url.optional(),
  POWERLOOM_STAND_IN_URL: url.optional(),
  ANTHROPIC_CUSTOM_HEADERS: z.string().optional(),
  OTEL_SDK_DISABLED: z.stringbool().default(false),
  OTEL_TRACES_EXPORTER: z.enum(["otlp", "none"]).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: otlpProtocol,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: otlpProtocol,
  OTEL_SERVICE_NAME: z.string().default("powerloom-worker"),
  POWERLOOM_MODEL_FALLBACKS: z.string().default(""),
  POWERLOOM_MODEL_FALLBACK_KEYS: z.string().default(""),
  POWERLOOM_PRIVATE_NETWORKS: z.string().default(""),
});

export interface Config {
  mode: "dev" | "production";
  /** As its operators call it: shown to people, decides nothing. */
  environment: string;
  host: string;
  apiPort: number;
  /** Issuer of our tokens and audience of all of them. */
  apiUrl: string;
  /** Where our own processes reach the API: the worker, for what agents in runs ask of it. */
  apiInternalUrl: string;
  workerPort: number;
  mcpPublicUrl: string;
  /** Of `powerloom_runs`: beside the other, as the MCP server itself takes it to be. */
  mcpRunsPublicUrl: string;
  mcpClientSecret: string;
  sealingKey: Uint8Array;
  /** How often agents that are out of sync, or not compared for `compareSeconds`, and runs without a workflow are looked for. */
  sweepSeconds: number;
  /** An agent in sync is compared with the provider about this often: foreign edits are put back then. */
  compareSeconds: number;
  /** Agent definitions of one's own, besides ours. */
  agentsDirectory: string | undefined;
  /** Where runs work; workers on several hosts need one that all of them see. */
  workspacesDirectory: string | undefined;
  /** Where the built console is: `index.html` and `assets/`. Without it a page says how to build it. */
  consoleDirectory: string | undefined;
  /** Addresses and ranges of reverse proxies: what they say of a client's address is believed. */
  trustedProxies: readonly string[];
  /** Requests a minute and principal, or address where nobody has said who they are. */
  rateLimit: number;
  logLevel: string;
  databaseUrl: string;
  issuerDatabaseUrl: string | undefined;
  temporalAddress: string;
  temporalNamespace: string;
  /** Where people look at workflows; undefined when nobody has said. */
  temporalUiUrl: string | undefined;
  anthropicApiKey: string;
  anthropicBaseUrl: string | undefined;
  /** Who is behind it, as far as can be told: shown to people, decides nothing. */
  provider: "anthropic" | "stand-in" | "other";
  /** Where calls of runs' models go when the provider is down, in this order. */
  modelFallbacks: readonly ModelFallback[];
  /** Where MCP servers and webhooks may be besides public addresses. */
  privateNetworks: OpenedNetworks;
  /**
   * The name under which spans of runs are sent; undefined: they are not. Where to, and with which headers
   * (`OTEL_EXPORTER_OTLP_HEADERS`), the exporter reads by itself.
   */
  spansAs: string | undefined;
}

/** Reads the environment, or refuses and names every fault at once. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(present);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  if (parsed.success) {
    const env = parsed.data;
    // The provider cannot reach this machine's loopback, and a URL that does not match means calls without credentials.
    if (
      env.ANTHROPIC_API_KEY !== undefined &&
      env.ANTHROPIC_BASE_URL === undefined &&
      !env.POWERLOOM_MCP_PUBLIC_URL.startsWith("https://")
    )
      faults.push(
        "POWERLOOM_MCP_PUBLIC_URL: must be an https URL the provider can reach when ANTHROPIC_API_KEY is set",
      );
    if (env.ANTHROPIC_API_KEY === undefined && env.ANTHROPIC_BASE_URL === undefined)
      faults.push("ANTHROPIC_API_KEY: set it, or point ANTHROPIC_BASE_URL at the stand-in");
    const apiUrl = env.POWERLOOM_API_URL ?? `http://${env.POWERLOOM_HOST}:${env.POWERLOOM_API_PORT}`;
    const { fallbacks, faults: ofFallbacks } = readModelFallbacks(
      env.POWERLOOM_MODEL_FALLBACKS,
      env.POWERLOOM_MODEL_FALLBACK_KEYS,
    );
    faults.push(...ofFallbacks);
    const { opened: privateNetworks, faults: ofNetworks } = readNetworks(env.POWERLOOM_PRIVATE_NETWORKS);
    faults.push(...ofNetworks.map((fault) => `POWERLOOM_PRIVATE_NETWORKS: ${fault}`));
    const trustedProxies = env.POWERLOOM_TRUSTED_PROXIES.split(",").flatMap((entry) => entry.trim() || []);
    const { opened: ofProxies, faults: ofProxyEntries } = readNetworks(env.POWERLOOM_TRUSTED_PROXIES);
    if (ofProxies.all) faults.push("POWERLOOM_TRUSTED_PROXIES: not everybody can be believed: name the proxies");
    faults.push(...ofProxyEntries.map((fault) => `POWERLOOM_TRUSTED_PROXIES: ${fault}`));
    if (fallbacks.length > 0 && env.ANTHROPIC_CUSTOM_HEADERS !== undefined)
      faults.push(
        "ANTHROPIC_CUSTOM_HEADERS: must not be set with POWERLOOM_MODEL_FALLBACKS, which would be sent them too",
      );
    if (faults.length === 0)
      return {
        mode: env.POWERLOOM_MODE,
        environment: env.POWERLOOM_ENVIRONMENT ?? (env.POWERLOOM_MODE === "dev" ? "development" : "production"),
        host: env.POWERLOOM_HOST,
        apiPort: env.POWERLOOM_API_PORT,
        apiUrl,
        apiInternalUrl: env.POWERLOOM_API_INTERNAL_URL ?? apiUrl,
        workerPort: env.POWERLOOM_WORKER_PORT,
        mcpPublicUrl: env.POWERLOOM_MCP_PUBLIC_URL,
        mcpRunsPublicUrl: env.POWERLOOM_MCP_RUNS_PUBLIC_URL ?? new URL("runs/mcp", env.POWERLOOM_MCP_PUBLIC_URL).href,
        mcpClientSecret: env.POWERLOOM_MCP_CLIENT_SECRET,
        sealingKey: env.POWERLOOM_SEALING_KEY,
        sweepSeconds: env.POWERLOOM_SWEEP_SECONDS,
        compareSeconds: env.POWERLOOM_COMPARE_SECONDS,
        agentsDirectory: env.POWERLOOM_AGENTS_DIR,
        workspacesDirectory: env.POWERLOOM_WORKSPACES_DIR,
        consoleDirectory: env.POWERLOOM_CONSOLE_DIR,
        trustedProxies,
        rateLimit: env.POWERLOOM_RATE_LIMIT,
        logLevel: env.POWERLOOM_LOG_LEVEL,
        databaseUrl: env.DATABASE_URL,
        issuerDatabaseUrl: env.ISSUER_DATABASE_URL,
        temporalAddress: env.TEMPORAL_ADDRESS,
        temporalNamespace: env.TEMPORAL_NAMESPACE,
        temporalUiUrl: env.POWERLOOM_TEMPORAL_UI_URL,
        anthropicApiKey: env.ANTHROPIC_API_KEY ?? "local",
        anthropicBaseUrl: env.ANTHROPIC_BASE_URL,
        provider: providerAt(env.ANTHROPIC_BASE_URL, env.POWERLOOM_STAND_IN_URL),
        modelFallbacks: fallbacks,
        privateNetworks,
        spansAs: wantsSpans(env) ? env.OTEL_SERVICE_NAME : undefined,
      };
  }
  throw new PowerloomError("internal", `The environment is not complete:\n  ${faults.join("\n  ")}`);
}

function providerAt(baseUrl: string | undefined, standInUrl: string | undefined): Config["provider"] {
  if (baseUrl === undefined || new URL(baseUrl).hostname === "api.anthropic.com") return "anthropic";
  return baseUrl === standInUrl ? "stand-in" : "other";
}

/** By the standard variables: an exporter that is named, or an endpoint to send to. */
function wantsSpans(env: z.infer<typeof schema>): boolean {
  if (env.OTEL_SDK_DISABLED || env.OTEL_TRACES_EXPORTER === "none") return false;
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  return env.OTEL_TRACES_EXPORTER === "otlp" || endpoint !== undefined;
}
