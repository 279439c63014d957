import type Anthropic from "@anthropic-ai/sdk";
import { toFile } from "@anthropic-ai/sdk";

export interface SkillVersionText {
  skillId: string;
  name: string;
  description: string;
  version: number;
  content: string;
}

/**
 * Uploads one version of a skill, unless the provider has it already, and returns the provider's ids. Skills carry no
 * metadata, so our id stands in the label and our version in the description.
 */
export async function pushSkillVersion(
  claude: Anthropic,
  text: SkillVersionText,
  cmaSkillId: string | null,
): Promise<{ skillId: string; version: string }> {
  const label = `${text.name} [${text.skillId}]`;
  const mark = `[powerloom version ${text.version}]`;
  const files = [
    await toFile(
      Buffer.from(
        `---\nname: ${text.name}\ndescription: ${JSON.stringify(`${text.description} ${mark}`)}\n---\n\n${text.content}\n`,
      ),
      `${text.name}/SKILL.md`,
      { type: "text/markdown" },
    ),
  ];

  const known = cmaSkillId ?? (await findSkill(claude, label));
  if (known === undefined) {
    const skill = await claude.beta.skills.create({ display_name: label, files });
    return { skillId: skill.id, version: skill.latest_version_id };
  }
  for await (const version of claude.beta.skills.versions.list(known))
    if (version.description.endsWith(mark)) return { skillId: known, version: version.id };
  const created = await claude.beta.skills.versions.create(known, { files });
  return { skillId: known, version: created.id };
}

async function findSkill(claude: Anthropic, label: string): Promise<string | undefined> {
  for await (const skill of claude.beta.skills.list({ source: "custom", limit: 100 }))
    if (skill.display_name === label) return skill.id;
  return undefined;
}
