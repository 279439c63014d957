import { Anchor } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { BindingRows } from "./binding-rows.tsx";
import { Nothing } from "./nothing.tsx";

type Member = Shown["Group"]["members"][number];

/** One group: who is in it, and the roles that all of them hold through it. */
export function Group() {
  const { groupId } = useParams({ from: "/shell/groups/$groupId" });
  const query = $api.useQuery("get", "/groups/{group_id}", { params: { path: { group_id: groupId } } });
  const may = useMay();
  const group = query.data;
  return (
    <Page
      title={group?.display_name ?? "Group"}
      subtitle={group === undefined ? undefined : `${group.name} in ${group.ou_path}`}
      above={
        <Anchor component={Link} to="/groups" inherit>
          Groups
        </Anchor>
      }
      actions={
        group !== undefined && may("group:update", group.ou_path) ? (
          <OperationButton
            label="Add a member"
            title={`Add a member to ${group.display_name}`}
            explanation="Name a person, or another group, all of whose members are then in this one."
            operation="group.add_member"
            submitLabel="Add the member"
            fixed={{ group_id: group.id }}
          />
        ) : null
      }
    >
      <Loaded query={query}>
        {(known) => (
          <>
            <Members group={known} />
            {may("binding:read", known.ou_path) ? <Roles group={known} /> : null}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Members({ group }: { group: Shown["Group"] }) {
  const may = useMay();
  const columns: Column<Member>[] = [
    {
      title: "Who",
      cell: ({ kind, id, name }) => (
        <Anchor
          component={Link}
          to={kind === "user" ? `/users/${encodeURIComponent(name)}` : `/groups/${id}`}
          size="sm"
          fw={550}
        >
          {name}
        </Anchor>
      ),
    },
    { title: "What", cell: ({ kind }) => (kind === "user" ? "person" : "group") },
    {
      title: "Remove",
      align: "right",
      cell: ({ id, name }) =>
        may("group:update", group.ou_path) ? (
          <OperationButton
            label="Remove"
            accessibleLabel={`Remove ${name} from ${group.display_name}`}
            title={`Remove ${name} from ${group.display_name}`}
            operation="group.remove_member"
            submitLabel="Remove the member"
            fixed={{ group_id: group.id, member_id: id }}
            danger
            button={{ size: "compact-xs", variant: "default" }}
          />
        ) : (
          "–"
        ),
    },
  ];
  return (
    <Section title="Members">
      {group.members.length === 0 ? (
        <Nothing>Nobody is in it.</Nothing>
      ) : (
        <DataTable label="Members" columns={columns} rows={group.members} rowKey={({ id }) => id} />
      )}
    </Section>
  );
}

function Roles({ group }: { group: Shown["Group"] }) {
  const may = useMay();
  return (
    <Section
      title="Roles of the group"
      actions={
        may("binding:create") ? (
          <OperationButton
            label="Give a role"
            title={`Give ${group.display_name} a role`}
            operation="binding.create"
            submitLabel="Give the role"
            fixed={{ group_id: group.id }}
            initial={{ ou: group.ou_path }}
            fields={["role", "ou", "expires_at"]}
            button={{ size: "xs", variant: "default" }}
          />
        ) : null
      }
    >
      <BindingRows filter={{ group: group.id }} label="Roles of the group" empty="The group holds no role." />
    </Section>
  );
}
