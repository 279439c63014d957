import { Anchor, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

type Binding = Shown["Binding"];
type Filter = { ou?: string; user?: string; group?: string; role?: Binding["role"] };

/** Who holds which role where, and a way to take it back. */
export function BindingRows({
  filter,
  label,
  limit = 50,
  empty = "Nobody holds a role here.",
}: {
  filter: Filter;
  /** What the list shows, for screen readers. */
  label: string;
  limit?: number;
  empty?: string;
}) {
  const may = useMay();
  const query = $api.useInfiniteQuery(
    "get",
    "/bindings",
    { params: { query: { ...filter, limit } as object } },
    { ...byCursor, placeholderData: (before) => before },
  );
  const columns: Column<Binding>[] = [
    {
      title: "Who",
      cell: (binding) => (
        <Anchor
          component={Link}
          to={
            binding.principal_kind === "user"
              ? `/users/${encodeURIComponent(binding.principal_name)}`
              : `/groups/${binding.principal_id}`
          }
          size="sm"
          fw={550}
        >
          {binding.principal_name}
          {binding.principal_kind === "group" ? " (group)" : ""}
        </Anchor>
      ),
    },
    { title: "Role", cell: ({ role }) => role },
    { title: "Where", cell: ({ ou_path: path }) => path },
    { title: "Until", cell: ({ expires_at: at }) => (at === null ? "not limited" : <Moment at={at} />) },
    {
      title: "Take back",
      cell: (binding) => (may("binding:delete", binding.ou_path) ? <Unbind binding={binding} /> : "–"),
      align: "right",
    },
  ];
  return (
    <Loaded query={query} lines={3}>
      {({ pages }) => {
        const rows = pages.flatMap(({ data }) => data);
        if (rows.length === 0)
          return (
            <Text size="sm" c="dimmed">
              {empty}
            </Text>
          );
        return (
          <>
            <DataTable label={label} columns={columns} rows={rows} rowKey={({ id }) => id} />
            <More query={query} />
          </>
        );
      }}
    </Loaded>
  );
}

/** Takes a role back from whoever holds it there. */
export function Unbind({
  binding,
}: {
  binding: { id: string; role: string; ou_path: string; principal_name: string };
}) {
  const { id, role, ou_path: path, principal_name: name } = binding;
  return (
    <OperationButton
      label="Take back"
      accessibleLabel={`Take back ${role} at ${path} from ${name}`}
      title={`Take back ${role} at ${path} from ${name}`}
      operation="binding.delete"
      submitLabel="Take it back"
      fixed={{ binding_id: id }}
      danger
      button={{ size: "compact-xs", variant: "default" }}
    />
  );
}
