import { getOAuthProtectedResourceMetadataUrl } from "@modelcontextprotocol/express";

/** Where this server is an OAuth resource (RFC 9728): its metadata, and the paths that serve both. */
export interface ProtectedResource {
  metadata: Record<string, unknown>;
  metadataUrl: string;
  /** Paths of the MCP endpoint: the public URL's, and `/mcp` for a proxy that strips a prefix. */
  endpointPaths: string[];
  metadataPaths: string[];
}

/** Describes the resource. The SDK's own router is not used: it serves the authorisation server's metadata as well, and refuses http. */
export function protectedResource(publicUrl: string, apiUrl: string): ProtectedResource {
  const endpointPaths = [...new Set(["/mcp", new URL(publicUrl).pathname])];
  const wellKnown = "/.well-known/oauth-protected-resource";
  return {
    metadata: {
      resource: publicUrl,
      authorization_servers: [apiUrl],
      bearer_methods_supported: ["header"],
      resource_name: "Powerloom meta-agent tools",
    },
    metadataUrl: getOAuthProtectedResourceMetadataUrl(new URL(publicUrl)),
    endpointPaths,
    metadataPaths: [wellKnown, ...endpointPaths.filter((path) => path !== "/").map((path) => wellKnown + path)],
  };
}
