import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { $api } from "../wire/client.ts";
import { useMay } from "../wire/rights.ts";
import { ShortId } from "./short-id.tsx";

const keptMs = 300_000;

/** A person by principal id: their address where the reader may see it, else the id. */
export function Person({ id }: { id: string }) {
  const may = useMay()("user:read");
  // The first of them at once, those who are not among them one by one.
  const users = $api.useQuery(
    "get",
    "/users",
    { params: { query: { limit: 200 } } },
    { enabled: may, staleTime: keptMs },
  );
  const among = users.data?.data.find((user) => user.id === id);
  const one = $api.useQuery(
    "get",
    "/users/{user}",
    { params: { path: { user: id } } },
    { enabled: may && users.data !== undefined && among === undefined, staleTime: keptMs, retry: false },
  );
  const email = among?.email ?? one.data?.email;
  if (email === undefined) return <ShortId id={id} />;
  return (
    <Anchor underline="always" component={Link} to={`/users/${encodeURIComponent(email)}`} inherit>
      {email}
    </Anchor>
  );
}
