import { v7 } from "uuid";
import { digestOf } from "../../core/canonical.ts";
import type { OperationId, OrganisationId } from "../../core/ids.ts";
import { type Database, isDatabaseAway } from "../../db/database.ts";
import { findOperationRow } from "../../db/queries/operations.ts";
import { admitOperation } from "../../operations/admit.ts";
import { findOperation } from "../../operations/registry.ts";
import { submitOperation } from "../../operations/submit.ts";

/**
 * What a person asks for, admitted, decided, applied and audited by the code that does so for everybody, in this process: for
 * what tests begin with. Rows are the same as after a request; there is no workflow, which costs ten times as much.
 */
export async function applied<Result>(
  db: Database,
  { organisationId, principalId }: { organisationId: string; principalId: string },
  name: string,
  given: Record<string, unknown>,
): Promise<Result> {
  const operation = findOperation(name);
  if (operation === undefined) throw new Error(`there is no operation ${name}`);
  const input = operation.input.strict().parse(given) as Record<string, unknown>;
  const id = `req_${v7().replaceAll("-", "")}`;
  const soon = new Date(Date.now() + 600_000);
  const deps = {
    db,
    now: () => new Date(),
    newId: () => v7(),
    seal: () => {
      throw new Error(`${name} has a secret: ask the API`);
    },
  };
  await db.inOrganisation(organisationId, (tx) =>
    admitOperation(deps, tx, operation, {
      id,
      name,
      sub: principalId,
      act: "",
      sid: "",
      idempotencyKey: null,
      keyExpiresAt: soon,
      bodyDigest: digestOf({ operation: name, input, ifMatch: null }),
      input,
      ifMatch: null,
      expiresAt: soon,
    }),
  );
  const ref = { organisationId: organisationId as OrganisationId, operationId: id as OperationId };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { status } = await submitOperation(deps, ref);
      if (status === "applied") break;
      throw new Error(`${name} is ${status}`);
    } catch (error) {
      // Two at once wait for each other a second at most.
      if (!isDatabaseAway(error) || attempt === 5) throw error;
    }
  }
  const row = await db.readOrganisation(organisationId, (sql) => findOperationRow(sql, id));
  return row?.result as Result;
}
