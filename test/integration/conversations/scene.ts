import type { Person } from "../../../demo/api.ts";
import { seedOrganisation } from "../../../demo/seed.ts";
import type { SharedStack } from "../../support/global-setup.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { type Dice, firstNames, guardedTeams, lastNames, servers, skills, slugOf, teams } from "./pools.ts";

export interface Cast {
  name: string;
  first: string;
  email: string;
  home: string;
}
interface Place {
  path: string;
  name: string;
  display: string;
}
export interface Server {
  name: string;
  display: string;
  ou: string;
}

/** An organisation drawn from a seed and filled through the API, with its meta-agent. */
export interface Scene {
  organisation: TestOrganisation;
  metaAgentId: string;
  teams: Place[];
  /** Changes there wait for approval. */
  guarded: Place;
  /** The limited person may look there, and no more. */
  closed: Place;
  people: Cast[];
  /** Usable everywhere. */
  servers: Server[];
  /** One in each team. */
  local: Server[];
  /** AgentBuilder of the whole organisation. */
  builder: Person & { id: string };
  /** OrgAdmin: approves what others ask for. */
  approver: Person & { id: string };
  /** Viewer, may invoke the meta-agent, may build in the first team. */
  limited: Person & { id: string };
}

export async function setScene(
  dice: Dice,
  stack: Pick<SharedStack, "apiUrl" | "databaseUrl"> = sharedStack(),
): Promise<Scene> {
  const organisation = await makeOrganisation("talk", stack);
  const { root, name: slug, admin } = organisation;
  const place = (display: string): Place => ({ path: `${root}/${slugOf(display)}`, name: slugOf(display), display });
  const drawn = dice.draw(teams, 4).map(place);
  const [guarded, closed] = dice.draw(guardedTeams, 2).map(place) as [Place, Place];
  const last = dice.draw(lastNames, 11);
  const named = dice.draw(firstNames, 11).map((first, index): Cast => {
    const family = last[index] ?? "";
    const home = dice.pick(drawn).path;
    return { name: `${first} ${family}`, first, email: `${slugOf(first)}.${slugOf(family)}@${slug}.test`, home };
  });
  const registered = dice.draw(servers, 9).map(([name, display]): Server => ({ name, display, ou: root }));
  const local = drawn.map(({ path }, index): Server => ({ ...(registered[5 + index] as Server), ou: path }));
  const wide = registered.slice(0, 5);

  await seedOrganisation(admin, {
    organisation: slug,
    ous: [...drawn, guarded, closed].map(({ path, display }) => ({ path, displayName: display })),
    people: named.slice(0, 8).map(({ email, name, home }) => ({ email, name, ou: home, roles: [] })),
    servers: [...wide, ...local].map(({ name, display, ou }) => ({
      name,
      displayName: display,
      description: `What ${display} offers`,
      ou,
      url: `http://127.0.0.1:9/${slug}/${name}`,
    })),
    skills: skills.map(({ name, description }) => ({
      name,
      description,
      ou: root,
      content: `# ${name}\n\n${description}.`,
    })),
    policies: [{ name: "guarded", ou: guarded.path, operations: ["agent.create"], approverRole: "OrgAdmin" }],
  });
  const [one, two, three] = named.slice(8) as [Cast, Cast, Cast];
  const localPart = ({ email }: Cast) => email.split("@")[0] ?? "";
  const builder = await organisation.person(localPart(one), {
    name: one.name,
    roles: [{ role: "AgentBuilder", ou: root }],
  });
  const approver = await organisation.person(localPart(two), {
    name: two.name,
    roles: [{ role: "OrgAdmin", ou: root }],
  });
  const limited = await organisation.person(localPart(three), {
    name: three.name,
    roles: [
      { role: "Viewer", ou: root },
      { role: "AgentUser", ou: root },
      { role: "AgentBuilder", ou: drawn[0]?.path ?? root },
    ],
  });
  const meta = await admin.make<{ status: string; agent: { id: string } }>("/bootstrap", { ou: root });
  if (meta.status !== "ready") throw new Error(`the meta-agent is ${meta.status}`);
  return {
    organisation,
    metaAgentId: meta.agent.id,
    teams: drawn,
    guarded,
    closed,
    people: named.slice(0, 8),
    servers: wide,
    local,
    builder,
    approver,
    limited,
  };
}
