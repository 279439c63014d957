import { Anchor, Button, CopyButton, Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { explanationText } from "./explanation.ts";
import { useRoles } from "./roles.ts";

type Explanation = Shown["Explanation"];

/** The deciding rule, its reason, the binding, and who can change it; also as sentences to send to somebody. */
export function Answer({ explanation }: { explanation: Explanation }) {
  const roles = useRoles().filter(({ permissions }) => permissions.includes(explanation.permission));
  const text = explanationText(
    explanation,
    roles.map(({ name }) => name),
  );
  const { effect, principal, permission, ou, rule, reason, who_can_grant: granters } = explanation;
  const facts: (readonly [string, ReactNode])[] = [
    ["Permission", permission],
    ["Unit", ou],
    ["Rule", rule],
    ["Reason", reason],
    ["Roles with it", roles.map(({ name }) => name).join(", ") || "–"],
    ...(effect === "allow"
      ? []
      : ([
          [
            "Who can grant it",
            granters.length === 0
              ? "nobody at present"
              : granters.map(({ email, role, ou: where }) => (
                  <div key={`${email}${role}${where}`}>
                    <Anchor underline="always" component={Link} to={`/users/${encodeURIComponent(email)}`} inherit>
                      {email}
                    </Anchor>{" "}
                    ({role} at {where})
                  </div>
                )),
          ],
        ] as const)),
  ];
  return (
    <Section
      title={effect === "allow" ? `${principal} may` : `${principal} may not`}
      actions={<Status value={effect} />}
    >
      <Text size="sm" mb="sm" style={{ overflowWrap: "anywhere" }}>
        {text}
      </Text>
      <Facts facts={facts} />
      {explanation.binding_id === null ? null : <Binding id={explanation.binding_id} />}
      <Group mt="md" gap="xs">
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? "Copied" : "Copy the sentences"}
            </Button>
          )}
        </CopyButton>
        {effect === "deny" && rule === "no-binding" ? (
          <Grant explanation={explanation} role={narrowest(roles)} />
        ) : null}
      </Group>
    </Section>
  );
}

/** The role that allows the least besides. */
function narrowest(roles: readonly Shown["Role"][]): string | undefined {
  return [...roles].sort((one, other) => one.permissions.length - other.permissions.length)[0]?.name;
}

function Grant({ explanation: { principal, ou }, role }: { explanation: Explanation; role: string | undefined }) {
  const may = useMay();
  if (!may("binding:create", ou)) return null;
  return (
    <OperationButton
      label="Give a role"
      title={`Give ${principal} a role`}
      operation="binding.create"
      submitLabel="Give the role"
      fixed={{ user: principal }}
      initial={{ ou, ...(role === undefined ? {} : { role }) }}
      fields={["role", "ou", "expires_at"]}
    />
  );
}

function Binding({ id }: { id: string }) {
  const may = useMay();
  const query = $api.useQuery(
    "get",
    "/bindings/{binding_id}",
    { params: { path: { binding_id: id } } },
    { enabled: may("binding:read"), retry: false },
  );
  if (query.data === undefined) return null;
  const { role, ou_path: path, principal_kind: kind, principal_name: name, expires_at: expires } = query.data;
  return (
    <Text size="sm" mt="sm" component="div">
      The binding: {role} at {path}, held by{" "}
      <Anchor
        underline="always"
        component={Link}
        to={kind === "user" ? `/users/${encodeURIComponent(name)}` : `/groups/${query.data.principal_id}`}
        inherit
      >
        {kind === "group" ? `group ${name}` : name}
      </Anchor>
      {expires === null ? ", without an end." : ", until "}
      {expires === null ? null : <Moment at={expires} absolute />}
    </Text>
  );
}
