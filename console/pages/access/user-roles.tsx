import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import type { Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { Unbind } from "./binding-rows.tsx";
import { Nothing } from "./nothing.tsx";
import { useRoles } from "./roles.ts";

type Held = Shown["UserDetail"]["roles"][number];

/** The roles that somebody holds: where, through which group, until when, and what each allows. */
export function UserRoles({ person }: { person: Shown["UserDetail"] }) {
  const may = useMay();
  const roles = useRoles();
  const columns: Column<Held>[] = [
    { title: "Role", cell: ({ role }) => <b>{role}</b> },
    { title: "Where", cell: ({ ou_path: path }) => `${path} and below` },
    { title: "Through", cell: ({ via_group: group }) => (group === null ? "themselves" : `group ${group}`) },
    { title: "Allows", cell: ({ role }) => roles.find(({ name }) => name === role)?.description ?? "–" },
    {
      title: "Until",
      cell: ({ expires_at: at }) => (at === null ? "not limited" : <Moment at={at} />),
    },
    {
      title: "Take back",
      align: "right",
      cell: (held) =>
        held.via_group !== null ? (
          "by the group"
        ) : may("binding:delete", held.ou_path) ? (
          <Unbind
            binding={{ id: held.binding_id, role: held.role, ou_path: held.ou_path, principal_name: person.email }}
          />
        ) : (
          "–"
        ),
    },
  ];
  return (
    <Section title="Roles">
      {person.roles.length === 0 ? (
        <Nothing>No role that you may see.</Nothing>
      ) : (
        <DataTable
          label={`Roles of ${person.email}`}
          columns={columns}
          rows={person.roles}
          rowKey={({ binding_id: id, via_group: group }) => `${id}${group ?? ""}`}
        />
      )}
    </Section>
  );
}
