import { getOAuthProtectedResourceMetadataUrl } from "@modelcontextprotocol/express";

/** Where this server is an OAuth resource (RFC 9728): its metadata, and the paths that serve both. */
export interface ProtectedResource {
  metadata: Record<string, unknown>;
  metadataUrl: string;
  /** Paths of the MCP endpoint: the public URL's, and its own here for a proxy that strips a prefix. */
  endpointPaths: string[];
  metadataPaths: string[];
}

/** Where metadata is asked for, before the path of the resource. */
export const wellKnownPath = "/.well-known/oauth-protected-resource";

/** Describes the resource. The SDK's own router is not used: it serves the authorisation server's metadata as well, and refuses http. */
export function protectedResource(
  { publicUrl, path, title }: { publicUrl: string; path: string; title: string },
  apiUrl: string,
): ProtectedResource {
  const endpointPaths = [...new Set([path, new URL(publicUrl).pathname])];
  return {
    metadata: {
      resource: publicUrl,
      authorization_servers: [apiUrl],
      bearer_methods_supported: ["header"],
      resource_name: title,
    },
    metadataUrl: getOAuthProtectedResourceMetadataUrl(new URL(publicUrl)),
    endpointPaths,
    metadataPaths: endpointPaths.map((endpoint) => (endpoint === "/" ? wellKnownPath : wellKnownPath + endpoint)),
  };
}
