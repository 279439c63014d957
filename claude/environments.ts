import type Anthropic from "@anthropic-ai/sdk";
import { ConflictError } from "@anthropic-ai/sdk";
import { isGone } from "./faults.ts";

/**
 * The organisation's environment at the provider: reused when it is there, found by its (unique) name when its creation
 * went unrecorded, made otherwise.
 */
export async function ensureEnvironment(
  claude: Anthropic,
  organisationId: string,
  recorded: string | null,
): Promise<string> {
  if (recorded !== null) {
    const present = await claude.beta.environments.retrieve(recorded).catch((error: unknown) => {
      if (isGone(error)) return undefined;
      throw error;
    });
    if (present !== undefined && present.archived_at === null) return recorded;
  }
  const name = `powerloom-${organisationId}`;
  try {
    const created = await claude.beta.environments.create({
      name,
      metadata: { powerloom_organisation: organisationId },
      config: {
        type: "cloud",
        networking: { type: "limited", allowed_hosts: [], allow_mcp_servers: true, allow_package_managers: false },
      },
    });
    return created.id;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    for await (const environment of claude.beta.environments.list({ limit: 100 }))
      if (environment.name === name && environment.archived_at === null) return environment.id;
    throw error;
  }
}
