import { Badge, Box, NavLink, Text } from "@mantine/core";
import { Link, useRouterState } from "@tanstack/react-router";
import { $api } from "../wire/client.ts";
import { useMay } from "../wire/rights.ts";
import { pageGroups } from "./pages.ts";

/** The way to every page the reader may use. What they may not is left out; the API decides in any case. */
export function Navigation() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const may = useMay();
  const summary = $api.useQuery("get", "/approvals/summary", {});
  const mine = summary.data?.pending.mine ?? 0;
  return (
    <Box style={{ overflowY: "auto" }}>
      {pageGroups.map(({ title, pages }) => {
        const shown = pages.filter(({ needs }) => needs === undefined || may(needs));
        if (shown.length === 0) return null;
        return (
          <section key={title} aria-label={title}>
            <Text size="xs" fw={600} c="dimmed" px="sm" pt="sm" pb={4}>
              {title}
            </Text>
            {shown.map((page) => (
              <NavLink
                key={page.to}
                component={Link}
                to={page.to}
                label={page.label}
                active={page.to === "/" ? path === "/" : path === page.to || path.startsWith(`${page.to}/`)}
                aria-current={path === page.to ? "page" : undefined}
                rightSection={
                  page.to === "/approvals" && mine > 0 ? (
                    <Badge size="sm" variant="filled" aria-label={`${mine} wait for your decision`}>
                      {mine > 999 ? "999+" : mine}
                    </Badge>
                  ) : null
                }
              />
            ))}
          </section>
        );
      })}
    </Box>
  );
}
