import { Anchor, Select, Stack, Switch, Text } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Diff } from "../../parts/diff.tsx";
import { useFilters } from "../../parts/filters.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Text as Block } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

type Version = Shown["SkillVersion"];

/** One skill: each of its versions as text, and what one changed in the one before. */
export function Skill() {
  const { skillId } = useParams({ from: "/shell/skills/$skillId" });
  const path = { skill_id: skillId };
  const query = $api.useQuery("get", "/skills/{skill_id}", { params: { path } });
  const versions = $api.useInfiniteQuery(
    "get",
    "/skills/{skill_id}/versions",
    { params: { path, query: { limit: 20 } } },
    byCursor,
  );
  const may = useMay();
  const skill = query.data;
  const latest = versions.data?.pages[0]?.data[0];
  return (
    <Page
      title={skill?.name ?? "Skill"}
      subtitle={skill === undefined ? undefined : `${skill.description} (${skill.ou_path})`}
      above={
        <Anchor component={Link} to="/skills" inherit>
          Skills
        </Anchor>
      }
      actions={
        skill !== undefined && latest !== undefined && may("skill:update", skill.ou_path) ? (
          <OperationButton
            key={latest.version}
            label="New version"
            title={`Version ${latest.version + 1} of ${skill.name}`}
            explanation="Agents go on with the version they were given, until somebody attaches another."
            operation="skill.create_version"
            submitLabel="Create the version"
            fixed={{ skill_id: skill.id }}
            initial={{ content: latest.content }}
          />
        ) : null
      }
    >
      <Loaded query={query}>
        {() => (
          <Loaded query={versions}>
            {({ pages }) => <Versions versions={pages.flatMap(({ data }) => data)} more={<More query={versions} />} />}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

/** A version in the address: as a bare number the router would put it in quotation marks. */
const named = (version: number) => `v${version}`;

function Versions({ versions, more }: { versions: readonly Version[]; more: ReactNode }) {
  const { search, set } = useFilters();
  const chosen = versions.find(({ version }) => named(version) === search["version"]) ?? versions[0];
  if (chosen === undefined) return null;
  const before = versions.find(({ version }) => version === chosen.version - 1);
  const compared = search["compare"] === "before" && before !== undefined;
  return (
    <Section title={`Version ${chosen.version}`}>
      <Stack gap="sm">
        <Select
          label="Version"
          data={versions.map(({ version }) => ({
            value: named(version),
            label: version === versions[0]?.version ? `${version} (latest)` : String(version),
          }))}
          value={named(chosen.version)}
          onChange={(version) => set({ version: version ?? undefined })}
          allowDeselect={false}
          w={200}
        />
        <Text size="sm" c="dimmed">
          Made <Moment at={chosen.created_at} />
        </Text>
        {before === undefined ? null : (
          <Switch
            label={`Show what it changed in version ${before.version}`}
            checked={compared}
            onChange={(event) => set({ compare: event.currentTarget.checked ? "before" : undefined })}
          />
        )}
        {compared ? (
          <Diff before={{ content: before.content }} after={{ content: chosen.content }} />
        ) : (
          <Block block={chosen.content} maxHeight={640} />
        )}
        {more}
      </Stack>
    </Section>
  );
}
