import type { z } from "zod";
import type { signInOptions } from "../../contracts/console.ts";
import type { ApiDeps } from "../deps.ts";

type Options = z.infer<typeof signInOptions>;

/** Who else is here is nobody's business: only one that is alone is named before somebody has signed in. */
export async function onlyOrganisationWithProvider(deps: Pick<ApiDeps, "db">): Promise<Options["oidc"]> {
  const found = await deps.db.anywhere.rows<{ organisation_id: string }>("select * from organisations_with_provider()");
  const [only] = found;
  if (only === undefined || found.length > 1) return [];
  return deps.db.readOrganisation(only.organisation_id, (sql) =>
    sql.rows<Options["oidc"][number]>("select name as organisation, display_name from organisations"),
  );
}
