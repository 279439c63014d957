import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { seedOrganisation } from "../../../demo/seed.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, sharedStack, type TestOrganisation, testSeed } from "../../support/organisation.ts";
import { answer, ask } from "./conversation.ts";
import { diceOf, fill, firstNames, lastNames, purposes, servers, slugOf, teams } from "./pools.ts";
import { auditAfter, auditHead, type Witness, witnessOf } from "./witness.ts";
import { wordings } from "./wordings.ts";

const dice = diceOf(testSeed());
const [firstA, firstB, firstC] = dice.draw(firstNames, 3) as [string, string, string];
const [lastA, lastB, lastC, lastD] = dice.draw(lastNames, 4) as [string, string, string, string];
// Two OUs bear the same name, one of them under the third.
const [twice, above, other] = dice.draw(teams, 3) as [string, string, string];
const [[serverA, displayA], [serverB, displayB]] = dice.draw(servers, 2) as [[string, string], [string, string]];
const [absent] = dice.draw(
  servers.filter(([name]) => name !== serverA && name !== serverB),
  1,
)[0] as [string, string];
const work = dice.draw(purposes, 24).map(([purpose]) => purpose);

let organisation: TestOrganisation;
let builder: Person & { id: string };
let metaAgentId: string;
let witness: Witness;
let known: Set<string>;
let head: number;
const path = (...names: string[]) => [organisation.root, ...names.map(slugOf)].join("/");
const email = (first: string, last: string) => `${slugOf(first)}.${slugOf(last)}@${organisation.name}.test`;

beforeAll(async () => {
  witness = witnessOf(sharedStack());
  organisation = await makeOrganisation("ask");
  const { root, admin, name: slug } = organisation;
  const person = (first: string, last: string, ou: string) => ({
    email: email(first, last),
    name: `${first} ${last}`,
    ou,
    roles: [],
  });
  await seedOrganisation(admin, {
    organisation: slug,
    ous: [
      { path: path(above), displayName: above },
      { path: path(twice), displayName: twice },
      { path: path(above, twice), displayName: twice },
      { path: path(other), displayName: other },
    ],
    people: [
      person(firstA, lastA, path(twice)),
      person(firstA, lastB, path(other)),
      person(firstB, lastC, path(above)),
    ],
    servers: [
      [serverA, displayA],
      [serverB, displayB],
    ].map(([name = "", displayName = ""]) => ({
      name,
      displayName,
      description: displayName,
      ou: root,
      url: `http://127.0.0.1:9/${slug}/${name}`,
    })),
    skills: [],
    policies: [],
  });
  builder = await organisation.person(`${slugOf(firstC)}.${slugOf(lastD)}`, {
    name: `${firstC} ${lastD}`,
    roles: [{ role: "AgentBuilder", ou: root }],
  });
  const meta = await admin.make<{ agent: { id: string } }>("/bootstrap", { ou: root });
  metaAgentId = meta.agent.id;
});
afterAll(() => witness.close());
beforeEach(async () => {
  known = new Set((await witness.agents(organisation.organisationId)).map(({ id }) => id));
  head = await auditHead(organisation.admin);
});

const made = async () => (await witness.agents(organisation.organisationId)).filter(({ id }) => !known.has(id));
const purpose = () => work.pop() ?? "";

async function expectNothingDone(): Promise<void> {
  expect(await made()).toEqual([]);
  const operations = (await auditAfter(organisation.admin, head)).map(({ operation }) => operation);
  expect(operations.filter((name) => !["agent.invoke", "session.message"].includes(name))).toEqual([]);
}

describe("what is missing is asked for, never guessed", () => {
  const expectations: [RegExp, RegExp][] = [
    [/^asks for the OU or the owner/, /In which OU[\s\S]*Who should own/],
    [/^asks for the OU$/, /In which OU/],
    [/^asks for the owner$/, /Who should own/],
    [/cannot approve/, /can't approve/],
    [/tools do not cover/, /not covered by my eleven tools/],
    [/does not understand/, /did not understand/],
  ];
  test.each(wordings.ask_or_refuse)("$expect: $prompt", async ({ prompt, expect: expected }) => {
    const values = { purpose: purpose(), person: `${firstB} ${lastC}`, ou: path(other), serverA };
    const { final } = await ask(builder, metaAgentId, fill(prompt, values));
    expect(final).toMatch(expectations.find(([wanted]) => wanted.test(expected))?.[1] ?? expected);
    await expectNothingDone();
  });

  test("without an OU it asks for one, and the answer is used", async () => {
    const first = await ask(
      builder,
      metaAgentId,
      `Set up a ${purpose()} agent for ${firstB} ${lastC} with ${displayA} access.`,
    );
    expect(first.final).toContain(`home OU is \`${path(above)}\``);
    await expectNothingDone();
    const second = await answer(builder, first.sessionId, `Put it in ${path(other)}.`);
    const [agent, ...more] = await made();
    expect(more).toEqual([]);
    expect(agent).toMatchObject({
      ou: path(other),
      owner: email(firstB, lastC),
      servers: [serverA],
      credentials: [serverA],
    });
    expect(second.final).toContain(`/agents/${agent?.id}/invoke`);
  });

  test.each(variant("without an owner it asks for one, and “me” is the person who asks"))("%s", async () => {
    const first = await ask(
      builder,
      metaAgentId,
      `Create a ${purpose()} agent in ${path(other)} that uses ${serverB}.`,
    );
    expect(first.final).toMatch(/Who should own/);
    await expectNothingDone();
    await answer(builder, first.sessionId, "It is for me.");
    expect(await made()).toMatchObject([{ ou: path(other), owner: builder.email, servers: [serverB] }]);
  });

  test.each(variant("with neither, one answer may give both"))("%s", async () => {
    const first = await ask(builder, metaAgentId, `Set up a ${purpose()} agent with ${displayA}.`);
    await answer(builder, first.sessionId, `${path(other)}, and ${firstB} owns it`);
    expect(await made()).toMatchObject([{ ou: path(other), owner: email(firstB, lastC), servers: [serverA] }]);
  });
});

describe("names that fit several", () => {
  test("two people of one first name are listed, and the choice is used", async () => {
    const first = await ask(
      builder,
      metaAgentId,
      `Set up a ${purpose()} agent for ${firstA} in ${organisation.root} with ${displayA} access.`,
    );
    expect(first.final).toContain(email(firstA, lastA));
    expect(first.final).toContain(email(firstA, lastB));
    await expectNothingDone();
    await answer(builder, first.sessionId, `I mean ${firstA} ${lastB}.`);
    expect(await made()).toMatchObject([{ ou: organisation.root, owner: email(firstA, lastB) }]);
  });

  test.each(variant("two people of one first name are told apart by the team they are in"))("%s", async () => {
    await ask(builder, metaAgentId, `${firstA} on the ${other} team needs a ${purpose()} agent with ${serverB}.`);
    expect(await made()).toMatchObject([{ ou: path(other), owner: email(firstA, lastB), servers: [serverB] }]);
  });

  test("two OUs of one name are listed with their paths, and the choice is used", async () => {
    const first = await ask(
      builder,
      metaAgentId,
      `Set up a ${purpose()} agent for ${firstB} ${lastC} on the ${twice} team with ${displayA} and ${displayB} access.`,
    );
    expect(first.final).toContain(`\`${path(twice)}\``);
    expect(first.final).toContain(`\`${path(above, twice)}\``);
    await expectNothingDone();
    await answer(builder, first.sessionId, path(above, twice));
    expect(await made()).toMatchObject([{ ou: path(above, twice), servers: [serverA, serverB].sort() }]);
  });

  test("an unknown MCP server is reported with those that exist, and left out on request", async () => {
    const first = await ask(
      builder,
      metaAgentId,
      `Create a ${purpose()} agent for ${email(firstB, lastC)} in ${path(other)} with ${displayA} and ${absent} access.`,
    );
    expect(first.final).toContain(`no MCP server called \`${absent}\``);
    expect(first.final).toContain(`\`${serverB}\``);
    await expectNothingDone();
    await answer(builder, first.sessionId, "Go on without it.");
    expect(await made()).toMatchObject([{ ou: path(other), servers: [serverA] }]);
  });

  test("an unknown person is reported, and the corrected address is used", async () => {
    const first = await ask(
      builder,
      metaAgentId,
      `Create a ${purpose()} agent in ${path(other)} with ${serverA}. Owner is nobody@${organisation.name}.test.`,
    );
    expect(first.final).toBe(
      `No user found with email \`nobody@${organisation.name}.test\`. Check the email address and try again.`,
    );
    await expectNothingDone();
    await answer(builder, first.sessionId, email(firstB, lastC));
    expect(await made()).toMatchObject([{ owner: email(firstB, lastC), servers: [serverA] }]);
  });
});
