import { Avatar, Menu, Text, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { $api, api, ownHeaders, queryClient } from "../wire/client.ts";
import { leaveForSignIn } from "../wire/sign-in.ts";

/** Who is signed in, light or dark, and the way out. */
export function AccountMenu() {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = useMutation({
    mutationFn: () => api.POST("/sign-out", { params: { header: ownHeaders } }),
    onSettled: () => leaveForSignIn(queryClient, { back: false }),
  });
  if (me.data === undefined) return null;
  const { display_name: name, email, home_ou_path: home } = me.data;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <UnstyledButton style={{ display: "flex", alignItems: "center", gap: 8 }}>
          <Avatar name={name} color="initials" size="sm" aria-hidden="true" />
          <Text size="sm" visibleFrom="sm" aria-hidden="true">
            {name}
          </Text>
          <span className="visually-hidden">Account of {name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {email}
          <br />
          {home}
        </Menu.Label>
        <Menu.Item component={Link} to={`/users/${encodeURIComponent(email)}`}>
          My access
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>Appearance</Menu.Label>
        {(["light", "dark", "auto"] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            rightSection={colorScheme === scheme ? "✓" : null}
            closeMenuOnClick={false}
          >
            {{ light: "Light", dark: "Dark", auto: "As the system" }[scheme]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => signOut.mutate()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
