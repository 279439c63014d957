import { Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { BudgetOf } from "../governance/budget-of.tsx";
import { BindingRows } from "./binding-rows.tsx";

/** One unit: who holds what there, its agents, its budget. */
export function Ou({ ouId }: { ouId: string }) {
  const query = $api.useQuery("get", "/ous/{ou_id}", { params: { path: { ou_id: ouId } } });
  const may = useMay();
  return (
    <Loaded query={query}>
      {(ou) => (
        <Stack gap="md">
          <div>
            <Title order={2}>{ou.display_name}</Title>
            <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {ou.path}
            </Text>
          </div>
          {may("binding:read", ou.path) ? <Access ou={ou} /> : null}
          {may("agent:read", ou.path) ? <Agents ou={ou} /> : null}
          {may("budget:read", ou.path) ? <BudgetOf ou={ou} /> : null}
        </Stack>
      )}
    </Loaded>
  );
}

function Access({ ou }: { ou: Shown["Ou"] }) {
  const may = useMay();
  const above = ou.path.split("/").slice(1, -1);
  return (
    <Section
      title="Who holds what"
      actions={
        may("binding:create", ou.path) ? (
          <OperationButton
            label="Give a role"
            title={`Give a role at ${ou.path}`}
            operation="binding.create"
            submitLabel="Give the role"
            fixed={{ ou: ou.path }}
            fields={["role", "user", "group_id", "expires_at"]}
            button={{ size: "xs", variant: "default" }}
          />
        ) : null
      }
    >
      <BindingRows filter={{ ou: ou.path }} label={`Roles at ${ou.path} and below`} limit={25} />
      <Text size="xs" c="dimmed" mt="sm">
        Here and below.{" "}
        {above.length === 0 ? null : (
          <>
            What is held above counts here too:{" "}
            {above.map((_, index) => {
              const path = `/${above.slice(0, index + 1).join("/")}`;
              return (
                <span key={path}>
                  {index === 0 ? "" : ", "}
                  <Anchor underline="always" component={Link} to="/bindings" search={{ ou: path } as never} inherit>
                    {path}
                  </Anchor>
                </span>
              );
            })}
            .
          </>
        )}
      </Text>
    </Section>
  );
}

function Agents({ ou }: { ou: Shown["Ou"] }) {
  const query = $api.useQuery("get", "/agents", { params: { query: { ou: ou.path, limit: 6 } } });
  return (
    <Section title="Agents">
      <Loaded query={query} lines={2}>
        {({ data, next_cursor: next }) =>
          data.length === 0 ? (
            <Text size="sm" c="dimmed">
              There is no agent here or below.
            </Text>
          ) : (
            <ShortList
              items={data.map((agent) => ({
                key: agent.id,
                to: `/agents/${agent.id}`,
                title: agent.display_name,
                note: (
                  <Group gap="xs">
                    {agent.ou_path}, {agent.owner_email}
                  </Group>
                ),
                right: <Status value={agent.sync_state} />,
              }))}
              {...(next === null
                ? {}
                : { more: { to: `/agents?ou=${encodeURIComponent(ou.path)}`, label: "All agents here and below" } })}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
