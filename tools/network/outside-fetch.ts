import { lookup } from "node:dns/promises";
import { type IncomingMessage, Agent as PlainAgent, request as requestPlain } from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { mayReach, type OpenedNetworks } from "../../core/network/reach.ts";

interface Resolved {
  address: string;
  family: number;
}

/** The address that somebody else has named is inside of a network that is not theirs to ask. */
class ClosedAddress extends Error {
  readonly code = "ECLOSED";

  constructor(host: string, addresses: readonly string[]) {
    super(`${host} is at ${addresses.join(", ")}, which is not public and not opened`);
    this.name = "ClosedAddress";
  }
}

/**
 * `fetch` for addresses that people of organisations name: MCP servers, webhooks. It connects to public addresses and to
 * those that were opened, and to nothing else in this machine's networks. What is judged is what is connected to: a name is
 * resolved once for each connection, by the connection, so it cannot say one thing to us and another to the socket (DNS
 * rebinding). Redirects are not followed, proxies are not used, nothing is kept open for the next request.
 * @param resolve addresses of a name; the system's resolver, but in tests
 * @returns a `fetch` of URLs with a text as body
 */
export function createOutsideFetch(
  opened: OpenedNetworks,
  resolve: (host: string) => Promise<Resolved[]> = (host) => lookup(host, { all: true }),
): typeof fetch {
  const resolving: LookupFunction = (host, options, answer) => {
    resolve(host).then(
      (found) => {
        const reached = found.filter(({ address }) => mayReach(address, opened));
        const [first] = reached;
        if (first === undefined)
          answer(
            new ClosedAddress(
              host,
              found.map(({ address }) => address),
            ),
            [],
          );
        else if (options.all === true) answer(null, reached);
        else answer(null, first.address, first.family);
      },
      (error: Error) => answer(error, []),
    );
  };
  const agents = { plain: new PlainAgent({ keepAlive: false }), tls: new TlsAgent({ keepAlive: false }) };
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    // An address is connected to as it stands: nothing is looked up for it.
    if (isIP(host) !== 0 && !mayReach(host, opened))
      throw new TypeError("fetch failed", { cause: new ClosedAddress(host, [host]) });
    init.signal?.throwIfAborted();
    try {
      const response = await send(url, init, agents, resolving);
      const { statusCode: status = 0, statusMessage: statusText = "" } = response;
      const redirects = status >= 300 && status < 400 && status !== 304;
      if (redirects || status < 200 || status > 599) {
        response.destroy();
        throw new Error(redirects ? "unexpected redirect" : `unexpected status ${status}`);
      }
      const headers = new Headers();
      for (const [name, values] of Object.entries(response.headersDistinct))
        for (const value of values ?? []) headers.append(name, value);
      const empty = status === 204 || status === 205 || status === 304;
      if (empty) response.resume();
      return new Response(empty ? null : (Readable.toWeb(response) as ReadableStream<Uint8Array>), {
        status,
        statusText,
        headers,
      });
    } catch (error) {
      init.signal?.throwIfAborted();
      throw new TypeError("fetch failed", { cause: error });
    }
  };
}

function send(
  url: URL,
  { method = "GET", headers, body, signal }: RequestInit,
  agents: { plain: PlainAgent; tls: TlsAgent },
  lookupFor: LookupFunction,
): Promise<IncomingMessage> {
  if (body !== undefined && body !== null && typeof body !== "string") throw new TypeError("only a text is sent");
  return new Promise((resolve, reject) => {
    const options = {
      method,
      // As it is: nothing here unpacks what was packed.
      headers: { ...Object.fromEntries(new Headers(headers)), "accept-encoding": "identity" },
      lookup: lookupFor,
      ...(signal == null ? {} : { signal }),
    };
    const sent =
      url.protocol === "https:"
        ? requestTls(url, { ...options, agent: agents.tls })
        : requestPlain(url, { ...options, agent: agents.plain });
    sent.on("response", resolve);
    sent.on("error", reject);
    // Also without an answer or an error: a server that switches protocols leaves it at that.
    sent.on("close", () => reject(new Error("closed without an answer")));
    sent.end(body ?? undefined);
  });
}

/** Why a request got no answer, where that is known: in our words, and no address of our networks in them. */
export function whyUnreached(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 6; cause = cause.cause, depth += 1) {
    const { code } = cause as { code?: unknown };
    if (code === "ECLOSED") return "its address is not public, and POWERLOOM_PRIVATE_NETWORKS does not open it";
    if (
      typeof code === "string" &&
      /^(E[A-Z]{3,}|ERR_TLS_[A-Z_]+|(CERT|UNABLE|DEPTH_ZERO|SELF_SIGNED)_[A-Z_]+)$/.test(code)
    )
      return `it cannot be reached (${code})`;
    if (cause.message === "unexpected redirect") return "it redirects, which is not followed";
  }
  return undefined;
}
