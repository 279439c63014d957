import type { Facts, McpServer, Ou, Skill, User } from "./facts.ts";
import { nearest } from "./facts.ts";
import { findOu, type OuSearch } from "./find-ou.ts";
import { findPerson, type PersonSearch } from "./find-person.ts";
import { findServers, findSkills, fittingSkills, unknownServers, unknownSkills } from "./find-wiring.ts";
import { purposeOfAnswer, type Request, readRequest } from "./request.ts";
import { blank, code, enumerate, mentions, type Span } from "./words.ts";

/** A request, and what was settled about it since. */
export interface Draft {
  request: Request;
  purpose?: string;
  ou?: Ou;
  owner?: User | "me";
  servers: McpServer[];
  skills: Skill[];
  skipUnknownServers: boolean;
  skipUnknownSkills: boolean;
}

export interface Plan {
  purpose: string;
  ou: Ou;
  owner: User | "me";
  servers: McpServer[];
  skills: Skill[];
  /** Why skills that nobody named are attached. */
  reasons: string[];
}

export interface Question {
  about: "purpose" | "ou" | "owner" | "server" | "skill";
  text: string;
  ous?: Ou[];
  users?: User[];
}

export function newDraft(text: string): Draft {
  return { request: readRequest(text), servers: [], skills: [], skipUnknownServers: false, skipUnknownSkills: false };
}

/** Where the OU and the owner stand in a request, each looked for outside what belongs to the other. */
export function searchPlaces(draft: Draft, facts: Facts): { ou: OuSearch; person: PersonSearch; taken: Span[] } {
  const { request } = draft;
  const labels = [
    ...facts.servers.flatMap(({ name, display_name }) => [name, display_name]),
    ...facts.skills.map(({ name }) => name),
    ...facts.users.map(({ display_name }) => display_name),
  ].filter((label) => /[\s_-]/.test(label));
  const compound = labels.flatMap((label) => mentions(request.rest, label));
  const ou = findOu({ ...request, rest: blank(request.rest, compound) }, facts.ous);
  const ouSpans = "spans" in ou ? ou.spans : [];
  const paths = draft.ou
    ? [draft.ou.path]
    : ou.kind === "found"
      ? [ou.ou.path]
      : ou.kind === "ambiguous"
        ? ou.candidates.map(({ path }) => path)
        : [];
  const person = findPerson({ ...request, rest: blank(request.rest, ouSpans) }, facts.users, paths);
  const personSpans = "spans" in person ? person.spans : [];
  return { ou, person, taken: [...ouSpans, ...personSpans] };
}

/** Turns a draft into a plan, or into the questions that stand in its way. */
export function resolve(draft: Draft, facts: Facts): { plan: Plan } | { questions: Question[] } {
  const { request } = draft;
  const places = searchPlaces(draft, facts);
  const questions: Question[] = [];
  const purpose = draft.purpose ?? request.purpose;
  if (purpose === undefined) questions.push({ about: "purpose", text: "What should the agent do?" });
  const owner = draft.owner ?? (places.person.kind === "me" ? ("me" as const) : undefined);
  const ou = draft.ou ?? (places.ou.kind === "found" ? places.ou.ou : undefined);
  if (ou === undefined) questions.push(ouQuestion(places.ou, owner, facts));
  if (owner === undefined) questions.push(ownerQuestion(places.person));

  const text = blank(request.rest, places.taken);
  const servers = findServers(text, facts.servers, request.text);
  const skills = findSkills(text, facts.skills, request.text);
  const spans = [...places.taken, ...servers.spans, ...skills.spans];
  if (!draft.skipUnknownServers && draft.servers.length === 0) {
    const unknown = unknownServers(request.rest, spans);
    if (unknown.length > 0) questions.push(serverQuestion(unknown, facts));
  }
  if (!draft.skipUnknownSkills && draft.skills.length === 0) {
    const unknown = unknownSkills(request.rest, spans);
    if (unknown.length > 0) questions.push(skillQuestion(unknown, facts));
  }
  if (questions.length > 0 || ou === undefined || owner === undefined || purpose === undefined) return { questions };

  const chosen = <T extends { id: string; ou_path: string }>(groups: T[][], more: T[]) => {
    const near = groups.flatMap((group) => nearest(group, ou.path).slice(0, 1));
    return [...new Map([...near, ...more].map((thing) => [thing.id, thing])).values()];
  };
  const named = chosen(skills.matched, draft.skills);
  const fitting = request.nothingElse
    ? []
    : fittingSkills(
        purpose,
        facts.skills.filter(({ ou_path }) => `${ou.path}/`.startsWith(`${ou_path}/`)),
      )
        .filter(({ skill }) => !named.some(({ name }) => name === skill.name))
        .slice(0, 3);
  const reasons = fitting.map(
    ({ skill, because }) =>
      `${code(skill.name)} fits the purpose (it mentions ${enumerate(because.map((word) => `“${word}”`))})`,
  );
  return {
    plan: {
      purpose,
      ou,
      owner,
      servers: chosen(servers.matched, draft.servers),
      skills: [...named, ...fitting.map(({ skill }) => skill)],
      reasons,
    },
  };
}

/** Takes from an answer whatever it says about the open questions. */
export function applyAnswer(draft: Draft, questions: Question[], answer: string, facts: Facts): Draft {
  const said = readRequest(answer);
  const next = { ...draft };
  const skips = /\b(?:skip|without|leave|ignore|go\s+(?:on|ahead)|continue|none|drop|forget|no)\b/i.test(answer);
  let ordinalUsed = false;
  const ordinal = <T>(options: T[] | undefined): T | undefined => {
    const index = ordinalUsed ? undefined : ordinalIn(answer, options?.length ?? 0);
    if (index === undefined) return undefined;
    ordinalUsed = true;
    return options?.[index];
  };
  for (const { about, ous, users } of questions) {
    if (about === "ou") {
      const search = [ous ?? [], facts.ous].map((among) => findOu({ ...said, rest: said.text }, among, true));
      const found = search.find(({ kind }) => kind === "found");
      const picked = found?.kind === "found" ? found.ou : ordinal(ous);
      if (picked !== undefined) next.ou = picked;
      else if (said.paths.length > 0)
        next.request = { ...next.request, paths: said.paths, text: `${next.request.text}\n${said.paths[0]}` };
    } else if (about === "owner") {
      const search = findPerson(
        { ...said, rest: said.text },
        users ?? facts.users,
        next.ou ? [next.ou.path] : [],
        true,
      );
      const fallback = search.kind === "unsaid" || search.kind === "unknown" ? ordinal(users) : undefined;
      if (/^\W*(?:me|myself|i|mine)\W*$/i.test(answer) || search.kind === "me") next.owner = "me";
      else if (search.kind === "email") next.request = { ...next.request, emails: [search.email] };
      else if (search.kind === "found") next.request = { ...next.request, emails: [search.user.email] };
      else if (fallback !== undefined) next.request = { ...next.request, emails: [fallback.email] };
    } else if (about === "server") {
      const named = findServers(answer, facts.servers, answer).matched.flatMap((group) => group.slice(0, 1));
      next.servers = [...next.servers, ...named];
      next.skipUnknownServers = named.length > 0 || skips;
    } else if (about === "skill") {
      const named = findSkills(answer, facts.skills, answer).matched.flatMap((group) => group.slice(0, 1));
      next.skills = [...next.skills, ...named];
      next.skipUnknownSkills = named.length > 0 || skips;
    } else {
      const purpose = questions.length === 1 ? purposeOfAnswer(answer) : said.purpose;
      if (purpose !== undefined) next.purpose = purpose;
    }
  }
  return next;
}

function ouQuestion(search: OuSearch, owner: User | "me" | undefined, facts: Facts): Question {
  const listed = (ous: Ou[]) =>
    ous
      .slice(0, 20)
      .map(({ path, display_name }) => `- ${code(path)} (${display_name})`)
      .join("\n");
  if (search.kind === "ambiguous") {
    const text = `There are ${search.candidates.length} OUs called “${search.label}”:\n${listed(search.candidates)}\nWhich one do you mean?`;
    return { about: "ou", text, ous: search.candidates };
  }
  if (search.kind === "unknown") {
    return {
      about: "ou",
      text: `I found no OU ${code(search.asked)}. These exist:\n${listed(facts.ous)}\nIn which one should the agent live?`,
    };
  }
  const hint =
    owner === undefined || owner === "me" ? "" : ` ${owner.display_name}'s home OU is ${code(owner.home_ou_path)}.`;
  return {
    about: "ou",
    text: `In which OU should the agent live?${hint} A path such as ${code(facts.ous.at(-1)?.path ?? "/org/team")} is clearest.`,
  };
}

function ownerQuestion(search: PersonSearch): Question {
  if (search.kind === "ambiguous") {
    const people = search.candidates.map(
      ({ display_name, email, home_ou_path }) => `- ${display_name}, ${email}, in ${code(home_ou_path)}`,
    );
    return {
      about: "owner",
      text: `There are ${people.length} people called “${search.label}”:\n${people.join("\n")}\nWhich one should own the agent?`,
      users: search.candidates,
    };
  }
  if (search.kind === "unknown") {
    return {
      about: "owner",
      text: `I found no user called “${search.asked}”. Who should own the agent? An email address is clearest.`,
    };
  }
  return {
    about: "owner",
    text: "Who should own the agent? Give me a name or an email address, or say that it is for you.",
  };
}

function serverQuestion(unknown: string[], facts: Facts): Question {
  const exist = facts.servers.map(
    ({ name, display_name, ou_path }) => `- ${code(name)} (${display_name}) in ${code(ou_path)}`,
  );
  const list = exist.length === 0 ? "None is registered yet." : `These exist:\n${exist.slice(0, 30).join("\n")}`;
  return {
    about: "server",
    text: `I found no MCP server called ${enumerate(unknown.map(code), "or")}. ${list}\nWhich one should I use, or shall I go on without it?`,
  };
}

function skillQuestion(unknown: string[], facts: Facts): Question {
  const exist = facts.skills.map(({ name }) => code(name));
  const list = exist.length === 0 ? "There are no skills yet." : `These exist: ${enumerate(exist.slice(0, 30))}.`;
  return {
    about: "skill",
    text: `I found no skill called ${enumerate(unknown.map(code), "or")}. ${list} Which one should I use, or shall I go on without it?`,
  };
}

function ordinalIn(answer: string, count: number): number | undefined {
  if (count === 0) return undefined;
  const words = [
    /\b(?:first|1st|former|#?1)\b/i,
    /\b(?:second|2nd|latter|#?2)\b/i,
    /\b(?:third|3rd|#?3)\b/i,
    /\b(?:fourth|4th|#?4)\b/i,
  ];
  if (/\blast\b/i.test(answer)) return count - 1;
  const index = words.findIndex((word) => word.test(answer));
  return index >= 0 && index < count ? index : undefined;
}
