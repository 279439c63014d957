/** The id under which this server is known to the API. */
const metaClientId = "powerloom_meta";

/** The HTTP Basic header with which this server authenticates itself at the API. */
export function basicAuthentication(secret: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${metaClientId}:${secret}`, "utf8").toString("base64")}` };
}
