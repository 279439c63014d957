import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { mayReach, readNetworks } from "../../../core/network/reach.ts";
import { createOutsideFetch, whyUnreached } from "../../../tools/network/outside-fetch.ts";

const { opened: nothing } = readNetworks("");
const open = (text: string) => readNetworks(text).opened;

describe("which addresses are public", () => {
  test.each([
    "1.1.1.1",
    "93.184.216.34",
    "100.63.255.255",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "198.17.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
  ])("%s is", (address) => {
    expect(mayReach(address, nothing)).toBe(true);
  });

  test.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::FFFF:10.0.0.1",
    "0:0:0:0:0:ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1.1.1.1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "localhost",
    "",
  ])("%s is not", (address) => {
    expect(mayReach(address, nothing)).toBe(false);
  });

  test.each([
    ["10.20.0.0/16", ["10.20.3.4", "::ffff:10.20.3.4", "1.1.1.1"], ["10.21.0.1", "127.0.0.1"]],
    ["127.0.0.0/8,::1", ["127.0.0.1", "::1", "::ffff:127.0.0.1"], ["::2", "10.0.0.1", "169.254.169.254"]],
    ["fd00:12::/32 , 192.168.1.7", ["fd00:12:ffff::1", "192.168.1.7"], ["fd00:13::1", "192.168.1.8"]],
    ["*", ["127.0.0.1", "169.254.169.254", "fe80::1", "ff02::1"], []],
  ])("%s opens what it names", (text, reached, refused) => {
    expect(readNetworks(text).faults).toEqual([]);
    expect(reached.filter((address) => !mayReach(address, open(text)))).toEqual([]);
    expect(refused.filter((address) => mayReach(address, open(text)))).toEqual([]);
  });

  test.each([
    "10.0.0/8",
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "localhost",
    "fe80::1%eth0",
    "10.0.0.0/-1",
    "**",
  ])("%s is no network, and opens nothing", (entry) => {
    const { opened, faults } = readNetworks(`10.0.0.0/8,${entry}`);
    expect(faults).toEqual([expect.stringContaining(`${entry} is no range of addresses`)]);
    expect(opened.all).toBe(false);
  });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server on an address of loopback that says which requests it has had. */
async function listening(address: string, location?: string): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${String(request.headers["x-said"])} ${body}`);
      if (location !== undefined) response.writeHead(307, { location }).end();
      else if (request.method === "DELETE") response.writeHead(204).end();
      else response.writeHead(200, { "content-type": "text/plain", "set-cookie": ["a=1", "b=2"] }).end(`heard ${body}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  servers.push(server);
  return { port: (server.address() as AddressInfo).port, asked };
}

const failure = async (asking: Promise<unknown>) => whyUnreached(await asking.catch((error: unknown) => error));
const closed = "its address is not public, and POWERLOOM_PRIVATE_NETWORKS does not open it";

describe("a request to an address that somebody names", () => {
  test("goes where it is opened, with what it carries, and brings the answer", async () => {
    const { port, asked } = await listening("127.0.0.1");
    const reach = createOutsideFetch(open("127.0.0.1"));
    const url = `http://127.0.0.1:${port}/a?b=c`;
    const answer = await reach(url, { method: "POST", headers: { "X-Said": "yes" }, body: "größe" });
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await answer.text()).toBe("heard größe");
    expect((await reach(url, { method: "DELETE" })).status).toBe(204);
    expect(asked).toEqual(["POST /a?b=c yes größe", "DELETE /a?b=c undefined "]);
  });

  test.each(["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]"])(
    "does not reach this machine as %s",
    async (host) => {
      const { port, asked } = await listening("127.0.0.1");
      expect(await failure(createOutsideFetch(nothing)(`http://${host}:${port}/`))).toBe(closed);
      expect(await failure(createOutsideFetch(nothing)(`https://${host}:${port}/`))).toBe(closed);
      expect(asked).toEqual([]);
    },
  );

  test("of a name that changes its mind goes where the judged answer said, and at the next connection nowhere", async () => {
    // 127.0.0.2 stands for a public address: it is opened, and 127.0.0.1 is not.
    const outside = await listening("127.0.0.2");
    const answers = ["127.0.0.2", "127.0.0.1"];
    let resolved = 0;
    const reach = createOutsideFetch(open("127.0.0.2"), async () => {
      resolved += 1;
      return [{ address: answers.shift() ?? "127.0.0.1", family: 4 }];
    });
    const url = `http://rebinding.test:${outside.port}/`;
    expect((await reach(url)).status).toBe(200);
    expect(resolved).toBe(1);
    expect(await failure(reach(url))).toBe(closed);
    expect(outside.asked).toHaveLength(1);
  });

  test("of a name with a public and a private address goes to the public one only", async () => {
    const [outside, inside] = [await listening("127.0.0.2"), await listening("127.0.0.1")];
    const reach = createOutsideFetch(open("127.0.0.2"), async () =>
      ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 })),
    );
    expect((await reach(`http://both.test:${outside.port}/`)).status).toBe(200);
    expect(await failure(reach(`http://both.test:${inside.port}/`))).toBe("it cannot be reached (ECONNREFUSED)");
    expect(inside.asked).toEqual([]);
  });

  test("follows no redirect", async () => {
    const target = await listening("127.0.0.1");
    const { port } = await listening("127.0.0.1", `http://127.0.0.1:${target.port}/`);
    const asking = createOutsideFetch(open("127.0.0.1"))(`http://127.0.0.1:${port}/`, {
      method: "POST",
      body: "secret",
    });
    expect(await failure(asking)).toBe("it redirects, which is not followed");
    expect(target.asked).toEqual([]);
  });

  test.each([
    ["switches protocols", "101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: else"],
    ["gives a status that there is not", "799 Odd\r\ncontent-length: 0"],
    ["only says that it goes on", "103 Early Hints"],
  ])("fails when what is there %s", async (_, head) => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => undefined).once("data", () => socket.end(`HTTP/1.1 ${head}\r\n\r\n`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(createOutsideFetch(open("127.0.0.1"))(`http://127.0.0.1:${port}/`)).rejects.toThrow("fetch failed");
    server.close();
  });

  test("ends when it is given up, before the answer and in the middle of it", async () => {
    const server = createServer((request, response) => {
      if (request.url === "/silent") return;
      response.writeHead(200).write("begun");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const reach = createOutsideFetch(open("127.0.0.1"));
    await expect(reach(`${base}/silent`, { signal: AbortSignal.timeout(100) })).rejects.toThrow(/timeout/);
    const given = new AbortController();
    const answer = await reach(`${base}/begun`, { signal: given.signal });
    given.abort();
    await expect(answer.text()).rejects.toThrow(/abort/i);
  });
});
