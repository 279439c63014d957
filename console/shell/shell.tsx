import { AppShell, Box, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { Loading, Problem } from "../parts/states.tsx";
import { $api } from "../wire/client.ts";
import { useLiveUpdates } from "../wire/live.ts";
import { Header } from "./header.tsx";
import { Navigation } from "./navigation.tsx";
import { Where } from "./where.tsx";

/** What surrounds every page of somebody signed in. */
export function Shell() {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  if (me.data === undefined)
    return (
      <Box p="xl" maw={640} component="main">
        <VisuallyHidden component="h1">Powerloom</VisuallyHidden>
        {me.error === null ? <Loading /> : <Problem error={me.error} retry={() => void me.refetch()} />}
      </Box>
    );
  return <SignedIn />;
}

function SignedIn() {
  const [opened, { toggle, close }] = useDisclosure();
  const path = useRouterState({ select: (state) => state.location.pathname });
  useLiveUpdates();
  // On narrow screens the menu is in the way of the page it has led to.
  useEffect(() => {
    if (path !== "") close();
  }, [path, close]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding="md"
    >
      <a href="#main" className="skip-link">
        Skip to the page
      </a>
      <AppShell.Header>
        <Header opened={opened} onToggle={toggle} />
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Main">
        <Box hiddenFrom="xs" px="sm" pt="xs">
          <Where />
        </Box>
        <Navigation />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ minWidth: 0 }}>
        <Box maw={1280} mx="auto">
          <Outlet />
        </Box>
      </AppShell.Main>
    </AppShell>
  );
}
