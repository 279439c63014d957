import { Anchor } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Filters, NamedTextFilter, useFilters } from "../../parts/filters.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";
import { type Registered, RegisteredDialog } from "./registered-dialog.tsx";

const columns: readonly Column<Shown["McpServer"]>[] = [
  {
    title: "Name",
    cell: ({ id, display_name: name }) => (
      <Anchor component={Link} to={`/mcp-servers/${id}`} size="sm" fw={550}>
        {name}
      </Anchor>
    ),
  },
  { title: "Short name", cell: ({ name }) => name },
  { title: "URL", cell: ({ url }) => url },
  { title: "Unit", cell: ({ ou_path: path }) => path },
  { title: "Health", cell: ({ health }) => <Status value={health} /> },
];

/** MCP servers that agents can use. */
export function McpServers() {
  const may = useMay();
  const navigate = useNavigate();
  const { search } = useFilters();
  const [registered, setRegistered] = useState<Registered>();
  const query = $api.useInfiniteQuery(
    "get",
    "/mcp-servers",
    { params: { query: { limit: 100, ...(search["q"] === undefined ? {} : { q: search["q"] }) } } },
    { ...byCursor, placeholderData: (before) => before },
  );
  const close = () => {
    const id = registered?.id;
    setRegistered(undefined);
    if (id !== undefined) void navigate({ to: `/mcp-servers/${id}` });
  };
  return (
    <Page
      title="MCP servers"
      subtitle="Registered servers, which agents of a unit and those below it can use"
      actions={
        may("mcp_server:register") ? (
          <OperationButton
            label="Register a server"
            title="Register an MCP server"
            operation="mcp_server.register"
            submitLabel="Register it"
            onApplied={({ id, name, introspection_secret: secret }) =>
              setRegistered({
                id: String(id),
                name: String(name),
                secret: typeof secret === "string" ? secret : undefined,
              })
            }
          />
        ) : null
      }
    >
      <Filters>
        <NamedTextFilter name="q" label="Name or URL contains" />
      </Filters>
      <Loaded query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(({ data }) => data);
          return rows.length === 0 ? (
            <Empty title={search["q"] === undefined ? "No server is registered yet" : "No server is like that"}>
              Servers are registered by whoever administers a unit.
            </Empty>
          ) : (
            <DataTable label="MCP servers" columns={columns} rows={rows} rowKey={({ id }) => id} />
          );
        }}
      </Loaded>
      <More query={query} />
      <RegisteredDialog registered={registered} onClose={close} />
    </Page>
  );
}
