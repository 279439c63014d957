import { Badge, Group, SimpleGrid, Text } from "@mantine/core";
import { Section } from "../../parts/section.tsx";
import { Loading } from "../../parts/states.tsx";
import { useRoles } from "./roles.ts";

/** The built-in roles and what each may do. */
export function RoleCards() {
  const roles = useRoles();
  if (roles.length === 0) return <Loading />;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      {roles.map(({ name, description, permissions }) => (
        <Section key={name} title={name}>
          <Text size="sm" mb="sm">
            {description}.
          </Text>
          <Group gap={6}>
            {permissions.map((permission) => (
              <Badge key={permission} color="gray" size="sm">
                {permission}
              </Badge>
            ))}
          </Group>
        </Section>
      ))}
    </SimpleGrid>
  );
}
