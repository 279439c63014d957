import { $api, type Shown } from "../../wire/client.ts";

/** The built-in roles; empty until they are known. */
export function useRoles(): Shown["Role"][] {
  const { data } = $api.useQuery("get", "/roles", {}, { staleTime: 300_000 });
  return data?.data ?? [];
}
