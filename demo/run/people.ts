import { v7 } from "uuid";
import { createOrganisation } from "../../db/create-organisation.ts";
import { openDatabase } from "../../db/database.ts";
import { type Person, signIn } from "../api.ts";

/** Who takes part, each with the rights of one role and no more. */
export interface Cast {
  /** Asks for the run: AgentBuilder of the team. */
  requester: Person;
  /** Decides what the run asks for: Approver of the team. */
  approver: Person;
  /** Reads the trail: Auditor of the organisation. */
  auditor: Person;
  /** Where the run takes place. */
  ou: string;
}

/** Makes an organisation with a team and three people on a stack in dev mode. */
export async function openCast(stack: { apiUrl: string; databaseUrl: string }, organisation: string): Promise<Cast> {
  const email = (local: string) => `${local}@${organisation}.com`;
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-demo-run", max: 2 });
  try {
    await createOrganisation(db, () => v7(), {
      name: organisation,
      displayName: "Acme",
      adminEmail: email("admin"),
      adminName: "Ada Admin",
    });
  } finally {
    await db.close();
  }
  const admin = await signIn(stack.apiUrl, email("admin"));
  const root = `/${organisation}`;
  const ou = `${root}/engineering`;
  await admin.make("/ous", { parent: root, name: "engineering" });
  const person = async (local: string, name: string, role: string, where: string) => {
    await admin.make("/users", { email: email(local), display_name: name, home_ou: where });
    await admin.make("/bindings", { role, ou: where, user: email(local) });
    return signIn(stack.apiUrl, email(local));
  };
  return {
    requester: await person("dana", "Dana Whitlock", "AgentBuilder", ou),
    approver: await person("theo", "Theo Brandt", "Approver", ou),
    auditor: await person("aiko", "Aiko Tanaka", "Auditor", root),
    ou,
  };
}
