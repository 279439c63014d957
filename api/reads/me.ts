import { powerloomVersion } from "../../core/version.ts";
import { grantedEverywhere } from "../../db/queries/authority.ts";
import { findUser } from "../../db/queries/people.ts";
import type { ReadContext } from "./scope.ts";

/** Reads about the caller, and about what they talk to. */
export const meReads: Record<string, (context: ReadContext) => Promise<unknown>> = {
  "me.get": async ({ tx, caller }) => {
    const user = await findUser(tx, caller.principalId);
    const organisation = await tx.maybe<{ name: string }>("select name from organisations");
    return {
      principal_id: caller.principalId,
      email: caller.email,
      display_name: user?.display_name,
      organisation_id: caller.organisationId,
      organisation: organisation?.name,
      home_ou_path: user?.home_ou_path,
      actor: caller.act === "" ? null : caller.act,
      session_id: caller.sid === "" ? null : caller.sid,
    };
  },
  "permission.list": async ({ tx, caller, now }) => {
    const granted = await grantedEverywhere(tx, caller.principalId, now);
    return { data: granted.map(({ permission, paths }) => ({ permission, ou_paths: topmost(paths) })) };
  },
  "environment.get": async ({ deps: { config } }) => ({
    mode: config.mode,
    environment: config.environment,
    version: powerloomVersion,
    provider: config.provider,
    api_url: config.apiUrl,
    mcp_url: config.mcpPublicUrl,
    temporal_namespace: config.temporalNamespace,
    temporal_ui_url: config.temporalUiUrl ?? null,
  }),
};

/** Without those that lie below another: what is held above holds there too. */
function topmost(paths: readonly string[]): string[] {
  return paths.filter((path) => !paths.some((other) => path.startsWith(`${other}/`)));
}
