import { $api } from "./client.ts";
import { isAtOrBelow } from "./ou-path.ts";

/**
 * Whether the reader holds a permission somewhere, or at an OU. Only for what is worth showing: the API decides.
 * @returns a function (permission, path of an OU) → boolean; false until it is known
 */
export function useMay(): (permission: string, ouPath?: string) => boolean {
  const { data } = $api.useQuery("get", "/me/permissions", {}, { staleTime: 60_000 });
  return (permission, ouPath) => {
    const roots = data?.data.find((entry) => entry.permission === permission)?.ou_paths ?? [];
    return ouPath === undefined ? roots.length > 0 : roots.some((root) => isAtOrBelow(ouPath, root));
  };
}
