/** As whom a server of ours authenticates itself at the API. */
export interface ApiClient {
  id: "powerloom_meta" | "powerloom_runs";
  secret: string;
}

/** The HTTP Basic header with which it does so. */
export function basicAuthentication({ id, secret }: ApiClient): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`, "utf8").toString("base64")}` };
}
