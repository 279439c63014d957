import { Anchor, Button, SimpleGrid } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { Nothing } from "./nothing.tsx";
import { UserRoles } from "./user-roles.tsx";

type UserDetail = Shown["UserDetail"];

/** One person: the roles they hold, where and through what; their groups; their sessions and runs. */
export function User() {
  const { user } = useParams({ from: "/shell/users/$user" });
  const query = $api.useQuery("get", "/users/{user}", { params: { path: { user } } });
  const may = useMay();
  return (
    <Page
      title={query.data?.display_name ?? "Person"}
      subtitle={query.data?.email}
      above={
        <Anchor component={Link} to="/users" inherit>
          People
        </Anchor>
      }
      actions={
        query.data === undefined ? null : (
          <>
            <Button
              component={Link}
              to="/authority/explain"
              search={{ principal: query.data.email } as never}
              variant="default"
            >
              Why can, why can’t
            </Button>
            {may("binding:create") ? (
              <OperationButton
                label="Give a role"
                title={`Give ${query.data.display_name} a role`}
                operation="binding.create"
                submitLabel="Give the role"
                fixed={{ user: query.data.email }}
                initial={{ ou: query.data.home_ou_path }}
                fields={["role", "ou", "expires_at"]}
              />
            ) : null}
          </>
        )
      }
    >
      <Loaded query={query}>
        {(person) => (
          <>
            <UserRoles person={person} />
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
              <Section title="About">
                <Facts
                  facts={[
                    ["Address", person.email],
                    ["Home unit", person.home_ou_path],
                    ["Status", <Status value={person.status} key="status" />],
                    ["Since", <Moment at={person.created_at} key="since" />],
                    ["Principal", person.principal_id],
                  ]}
                />
              </Section>
              <Groups person={person} />
              <Sessions person={person} />
              <Runs person={person} />
            </SimpleGrid>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Groups({ person }: { person: UserDetail }) {
  return (
    <Section title="Groups">
      {person.groups.length === 0 ? (
        <Nothing>In no group, also not through another.</Nothing>
      ) : (
        <ShortList items={person.groups.map(({ id, name }) => ({ key: id, to: `/groups/${id}`, title: name }))} />
      )}
    </Section>
  );
}

function Sessions({ person }: { person: UserDetail }) {
  const query = $api.useQuery("get", "/sessions", { params: { query: { invoker: person.email, limit: 5 } } });
  return (
    <Section title="Sessions">
      <Loaded query={query} lines={2}>
        {({ data }) =>
          data.length === 0 ? (
            <Nothing>None that you may see.</Nothing>
          ) : (
            <ShortList
              items={data.map((session) => ({
                key: session.id,
                to: `/sessions/${session.id}`,
                title: `With ${session.agent_name}`,
                note: <Moment at={session.created_at} />,
                right: <Status value={session.status} />,
              }))}
            />
          )
        }
      </Loaded>
    </Section>
  );
}

function Runs({ person }: { person: UserDetail }) {
  const query = $api.useQuery("get", "/runs", { params: { query: { requester: person.email, limit: 5 } } });
  return (
    <Section title="Runs">
      <Loaded query={query} lines={2}>
        {({ data, next_cursor: next }) =>
          data.length === 0 ? (
            <Nothing>None that you may see.</Nothing>
          ) : (
            <ShortList
              items={data.map((run) => ({
                key: run.id,
                to: `/runs/${run.id}`,
                title: run.task,
                note: <Moment at={run.created_at} />,
                right: <Status value={run.status} />,
              }))}
              {...(next === null
                ? {}
                : { more: { to: `/runs?requester=${encodeURIComponent(person.email)}`, label: "All runs" } })}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
