import { createServer } from "node:net";
import { expect, test } from "vitest";
import { assertPortFree, freePort, portVariable } from "../../stack/ports.ts";

test("a taken port is refused with a sentence that says who needs it and how to move it", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await expect(assertPortFree("127.0.0.1", port, "Temporal")).rejects.toMatchObject({
    name: "StackError",
    message: `Port ${port} is taken, needed by Temporal; stop what uses it or set POWERLOOM_TEMPORAL_PORT`,
  });
  await expect(assertPortFree("127.0.0.1", port, "API", "PORT")).rejects.toThrow(/needed by API; .* set PORT$/);
  await new Promise((resolve) => server.close(resolve));
  await assertPortFree("127.0.0.1", port, "Temporal");
});

test("a free port can be listened on", async () => {
  const port = await freePort();
  expect(port).toBeGreaterThan(1023);
  await assertPortFree("127.0.0.1", port, "console");
});

test("free ports are never handed out twice, and lie where nobody is given one by the system", async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
  expect(new Set(ports).size).toBe(50);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

test("an address of another machine is a clear fault", async () => {
  await expect(assertPortFree("192.0.2.1", 7233, "Temporal")).rejects.toThrow(
    /Temporal cannot listen on 192\.0\.2\.1:7233/,
  );
});

test.each([
  ["Temporal", "POWERLOOM_TEMPORAL_PORT"],
  ["Temporal UI", "POWERLOOM_TEMPORAL_UI_PORT"],
  ["MCP server", "POWERLOOM_MCP_SERVER_PORT"],
])("%s is moved with %s", (what, variable) => {
  expect(portVariable(what)).toBe(variable);
});
